"""Events that people want to hear of: rules choose them, and transports take them there.

Whoever leaves an event waits for nothing: the store notes those that rules have to be asked about (`UntoldEvent`),
`matching` asks them beside everything else, and `delivering` posts what waits, again and again until it is understood.
"""

APP = "notifications"
"""The app of events that come of telling; no rule is asked about these, as they would go round for ever."""
