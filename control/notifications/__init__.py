"""Events that people want to hear of: rules choose them, and transports take them there.

Whoever leaves an event waits for nothing: the store notes those that rules have to be asked about (`UntoldEvent`),
`matching` asks them beside everything else, and `delivering` posts what waits, again and again until it is understood.
"""

APP, CREDENTIALS = "notifications", "credential_change"
"""``APP``: of events that come of telling; no rule is asked about these, as they would go round for ever. Both are
purposes of letters: those of rules, and those about a person's own credentials."""
