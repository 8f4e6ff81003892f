"""Outcomes, and the catalogue of reasons behind them.

An outcome is what a door says; a reason is why. Every refusal names a reason, which has two sentences: one for the
operator, and one for the stranger at the door, which tells nothing about any account (DESIGN D9, section 9).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    BAD_CREDENTIALS = "bad_credentials"
    CHALLENGED = "challenged"
    NOT_ALLOWED = "not_allowed"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"


STRANGER: dict[Outcome, str] = {
    Outcome.ACCEPTED: "Welcome.",
    Outcome.BAD_CREDENTIALS: "Name or password is wrong.",
    Outcome.CHALLENGED: "Another proof of who you are is needed.",
    Outcome.NOT_ALLOWED: "This is not open to you.",
    Outcome.THROTTLED: "Too many attempts. Try again later.",
    Outcome.UNAVAILABLE: "Nobody can be let in at the moment. Try again shortly.",
}
"""What whoever asked hears, unless the reason has words of its own. Every account that is unknown, wrong or no longer
good gets the same."""


@dataclass(frozen=True, slots=True)
class Reason:
    code: str
    outcome: Outcome
    operator: str
    """What happened and what to change, for the operator."""
    own_words: str = ""
    """For the stranger, where the cause lies in what they sent or in our configuration, never in an account."""

    @property
    def stranger(self) -> str:
        """The sentence that may leave the house."""
        return self.own_words or STRANGER[self.outcome]


def _catalogue(*reasons: Reason) -> dict[str, Reason]:
    return {reason.code: reason for reason in reasons}


REASONS: dict[str, Reason] = _catalogue(
    Reason("accepted", Outcome.ACCEPTED, "The credentials were right and a binding lets this user in."),
    Reason("unknown_user", Outcome.BAD_CREDENTIALS, "No user has this name. Create the user, or correct the name."),
    Reason(
        "impossible_name",
        Outcome.BAD_CREDENTIALS,
        "The name is longer than a name can be, or holds characters that do not print. No user is called so.",
    ),
    Reason("wrong_password", Outcome.BAD_CREDENTIALS, "The password is wrong."),
    Reason("wrong_code", Outcome.BAD_CREDENTIALS, "The one-time code is wrong, or has been used already."),
    Reason("wrong_key", Outcome.BAD_CREDENTIALS, "What the security key or passkey signed is not what was asked for."),
    Reason(
        "key_cloned",
        Outcome.BAD_CREDENTIALS,
        "The security key has counted fewer signatures than it had made before: there may be two of it. Delete it, and "
        "let the user set up another one.",
    ),
    Reason("no_password", Outcome.BAD_CREDENTIALS, "The user has no password yet. Set one."),
    Reason(
        "credential_changed",
        Outcome.BAD_CREDENTIALS,
        "The account's password or name was changed while this login was being checked. The new one works.",
    ),
    Reason(
        "stale_code",
        Outcome.BAD_CREDENTIALS,
        "The code that a browser brought from its sign-in is unknown, used, too old, or was made for another sign-in.",
    ),
    Reason(
        "session_over",
        Outcome.BAD_CREDENTIALS,
        "The browser session has ended, was unused for too long, or the application does not let the user in any more.",
    ),
    Reason("inactive", Outcome.BAD_CREDENTIALS, "The user is deactivated. Activate the user to let them in."),
    Reason("not_yet_valid", Outcome.BAD_CREDENTIALS, "The account's first valid day has not come yet."),
    Reason("expired", Outcome.BAD_CREDENTIALS, "The account's last valid day has passed. Extend it to let them in."),
    Reason(
        "flow_denied",
        Outcome.BAD_CREDENTIALS,
        "The provider's authentication flow denied the login.",
    ),
    Reason(
        "flow_proved_nothing",
        Outcome.BAD_CREDENTIALS,
        "The provider's flow ended without checking a password. Give it a flow with a password stage.",
    ),
    Reason(
        "mail_not_possible",
        Outcome.BAD_CREDENTIALS,
        "A flow had to send a link, and no mail can be sent. Set the public URL and the mail server under System, "
        "Configuration.",
    ),
    Reason(
        "link_over",
        Outcome.BAD_CREDENTIALS,
        "A link from a mail was opened that had been used, was too old, or was void since the account had changed.",
    ),
    Reason(
        "invitation_needed",
        Outcome.BAD_CREDENTIALS,
        "Somebody wanted to enrol without an invitation. Send them one, or open enrolment to everybody.",
    ),
    Reason(
        "invitation_over",
        Outcome.BAD_CREDENTIALS,
        "An invitation was shown that has been used, is too old, or belongs to another flow. Send another one.",
    ),
    Reason(
        "flow_needs_browser",
        Outcome.BAD_CREDENTIALS,
        "The provider's flow has a stage that only a browser can do. Give the provider a flow without it.",
    ),
    Reason(
        "unsupported_proof",
        Outcome.BAD_CREDENTIALS,
        "This way of proving a password is not supported here.",
        "This way of signing in is not supported here.",
    ),
    Reason(
        "empty_credentials",
        Outcome.BAD_CREDENTIALS,
        "The name or the password is empty.",
        "Name and password are both needed.",
    ),
    Reason(
        "malformed_credentials",
        Outcome.BAD_CREDENTIALS,
        "The request gives name or password twice, in two ways, or in a form that is not allowed. Check the NAS.",
        "Name and password came in a form that cannot be read.",
    ),
    Reason(
        "garbled_password",
        Outcome.BAD_CREDENTIALS,
        "The password is not readable text: the shared secret of the NAS is probably wrong.",
    ),
    Reason(
        "no_binding",
        Outcome.NOT_ALLOWED,
        "No binding of the application lets this user in. Bind the user or one of their groups to it.",
    ),
    Reason(
        "mapping_failed",
        Outcome.NOT_ALLOWED,
        "A property mapping failed that is set to refuse. The event property_mapping_exception says what to correct.",
    ),
    Reason(
        "misdirected",
        Outcome.NOT_ALLOWED,
        "A scope mapping says in ak_proxy.host_header or ak_proxy.backend_override what is no host, or no http(s) URL. "
        "The event property_mapping_exception names the mapping to correct.",
        "This application is set up wrongly for you. Tell whoever runs it.",
    ),
    Reason(
        "policy_needed",
        Outcome.NOT_ALLOWED,
        "A policy that is bound to the application decides about this user, and has not been asked.",
    ),
    Reason(
        "policy_denied",
        Outcome.NOT_ALLOWED,
        "A policy that is bound to the application does not let this user in now, or not from there. Explain shows "
        "what each one said.",
    ),
    Reason(
        "policy_failed",
        Outcome.NOT_ALLOWED,
        "A policy that is bound to the application could not be decided, and its binding then lets nobody in. The "
        "event policy_exception says what went wrong.",
    ),
    Reason(
        "unknown_provider",
        Outcome.NOT_ALLOWED,
        "The provider is not served by this outpost, or has no application. Assign both.",
        "No application is served here. Tell the administrator.",
    ),
    Reason(
        "unreadable_credentials",
        Outcome.BAD_CREDENTIALS,
        "The Authorization header holds no Basic credentials: base64 of name, colon and password in UTF-8.",
        "Name and password came in a form that cannot be read.",
    ),
    Reason(
        "unknown_host",
        Outcome.NOT_ALLOWED,
        "No application that this outpost serves has this host. Create a proxy provider for it, or correct the host.",
        "No application is served at this address. Tell the administrator.",
    ),
    Reason(
        "not_forward_auth",
        Outcome.NOT_ALLOWED,
        "The host's provider is in proxy mode, and a reverse proxy asked about it. Change its mode to forward auth.",
        "The application at this address is set up in another way. Tell the administrator.",
    ),
    Reason(
        "untrusted_proxy",
        Outcome.NOT_ALLOWED,
        "The asking proxy is not trusted. Add its address to OUTPOST_LISTEN__TRUSTED_PROXY_CIDRS.",
        "The proxy in front of this application is not trusted. Tell the administrator.",
    ),
    Reason(
        "identity_too_long",
        Outcome.NOT_ALLOWED,
        "The user's names or groups do not fit into headers. Shorten them, or take the user out of some groups.",
        "Your account does not fit what this application can be told. Tell the administrator.",
    ),
    Reason(
        "bad_token",
        Outcome.BAD_CREDENTIALS,
        "The access token is unknown, expired or revoked, or its user may not use the application it was given to.",
    ),
    Reason(
        "foreign_token",
        Outcome.BAD_CREDENTIALS,
        "The access token was given to another application. If it is to count here, name the provider of that one in "
        "jwt_federation_providers.",
    ),
    Reason(
        "issuer_away",
        Outcome.UNAVAILABLE,
        "The keys of the token's issuer cannot be had; the log of the server says why.",
    ),
    Reason(
        "source_refused",
        Outcome.BAD_CREDENTIALS,
        "The LDAP source in which this person's password is does not take it: it is wrong there, or the account is "
        "locked there, has ended, or is no longer found.",
    ),
    Reason(
        "source_away",
        Outcome.UNAVAILABLE,
        "The LDAP source in which this person's password is gives no answer; the server's log says why. Until it does, "
        "outposts let in whom they know.",
    ),
    Reason(
        "password_is_elsewhere",
        Outcome.BAD_CREDENTIALS,
        "No CHAP or MS-CHAPv2 with a password of an LDAP source, which compares only what it is shown. Make the person "
        "a network password, or let the device use PAP or EAP-TTLS with PAP.",
    ),
    Reason(
        "source_unknown_user",
        Outcome.NOT_ALLOWED,
        "Nobody here is connected with this account of the source. Connect them, or let the source link by confirmed "
        "address (user_matching_mode) or make accounts (enrollment_flow).",
    ),
    Reason(
        "source_domain",
        Outcome.NOT_ALLOWED,
        "The source has confirmed no address that is allowed (allowed_emails), or of an allowed domain "
        "(allowed_email_domains).",
    ),
    Reason(
        "source_organization",
        Outcome.NOT_ALLOWED,
        "The source names no organisation of theirs that is allowed (allowed_organizations). If it names none at all, "
        "it may need another scope for that (additional_scopes), or has to allow us to see them.",
    ),
    Reason(
        "signed_out",
        Outcome.NOT_ALLOWED,
        "Every session of this person was ended after this one began. They may sign in again.",
    ),
    Reason(
        "denied_by_rule",
        Outcome.NOT_ALLOWED,
        "An access rule of the provider keeps this person out of this path, from there, at this time. Change the rule.",
        "This part of the application is not open to you.",
    ),
    Reason(
        "ambiguous_path",
        Outcome.NOT_ALLOWED,
        "The path can be read in two ways, and the provider has access rules for paths. Ask for the plain path.",
        "This address is written in a way that is not accepted here.",
    ),
    Reason(
        "second_factor_needed",
        Outcome.NOT_ALLOWED,
        "An access rule of the provider asks for a recent second factor, which only a sign-in with a browser can show. "
        "Let the program use another path, or change the rule.",
        "This part of the application is open only to whoever has just shown a second factor in a browser.",
    ),
    Reason(
        "restricted_by_proxy",
        Outcome.NOT_ALLOWED,
        "The address that the reverse proxy asks at keeps the user out, by allowed_groups, allowed_emails or "
        "allowed_email_domains. Change that, or the user's groups or e-mail address.",
        "Your account may not use this part of the application.",
    ),
    # --- proofs: second factors, passwords of devices, certificates ---
    Reason(
        "code_needed",
        Outcome.CHALLENGED,
        "The password was right, and a one-time code is needed besides. Type it behind the password: password;123456.",
    ),
    Reason(
        "code_not_possible",
        Outcome.BAD_CREDENTIALS,
        "The user needs a one-time code, and this provider has MFA support switched off. Switch it on, or let the user "
        "make an app password for this application.",
    ),
    Reason(
        "no_second_factor",
        Outcome.BAD_CREDENTIALS,
        "The flow asks for a second factor and the user has none. Let the user set one up in a browser.",
    ),
    Reason(
        "second_factor_needs_browser",
        Outcome.BAD_CREDENTIALS,
        "The user's second factors are all of kinds that cannot be shown here. Let the user set up one-time codes, or "
        "make an app password for the device; keys need a public URL with https and a name.",
    ),
    Reason(
        "webauthn_not_possible",
        Outcome.BAD_CREDENTIALS,
        "Security keys and passkeys need a public URL with https and a name. Set it under System, Configuration.",
    ),
    Reason(
        "second_factor_new",
        Outcome.BAD_CREDENTIALS,
        "The second factor was set up after this session began, so that it proves nothing about who began it. "
        "Let the user sign in again.",
    ),
    Reason(
        "device_throttled",
        Outcome.THROTTLED,
        "Too many wrong one-time codes for this account. The next may be tried in a while.",
    ),
    Reason(
        "challenge_over",
        Outcome.BAD_CREDENTIALS,
        "The answer came too late, twice, or to a question that was put to somebody else. The user signs in anew.",
    ),
    Reason(
        "needs_network_password",
        Outcome.BAD_CREDENTIALS,
        "This device uses CHAP or MS-CHAPv2 (PEAP, a VPN), which cannot be checked against a stored password; create a "
        "network password for it.",
    ),
    Reason(
        "wrong_network_password",
        Outcome.BAD_CREDENTIALS,
        "The response fits none of the user's network passwords. Type the device's network password again, or create a "
        "new one.",
    ),
    Reason(
        "device_password_expired",
        Outcome.BAD_CREDENTIALS,
        "The app password or network password was right, and has expired. Create a new one for this device.",
    ),
    Reason(
        "device_password_in_browser",
        Outcome.BAD_CREDENTIALS,
        "The app password was right, and opens nothing in a browser: it is for one program or device. The user signs "
        "in with their own password.",
    ),
    Reason(
        "unfit_password",
        Outcome.NOT_ALLOWED,
        "The new password that somebody chose does not keep the rules for passwords, or the account can have none.",
        "This cannot be the new password.",
    ),
    Reason(
        "password_expired",
        Outcome.BAD_CREDENTIALS,
        "The password is right but too old, by the settings or a flow's policy. Let the user change it in a browser.",
    ),
    Reason(
        "must_change_password",
        Outcome.BAD_CREDENTIALS,
        "The password is right, and the user must change it before it is good for anything. They do so in a browser.",
    ),
    Reason(
        "malformed_proof",
        Outcome.BAD_CREDENTIALS,
        "The proof has parts that are missing, or longer or shorter than they can be. The outpost may be of another "
        "version.",
    ),
    Reason(
        "untrusted_certificate",
        Outcome.BAD_CREDENTIALS,
        "The certificate was not issued by an authority that this provider trusts. Choose that authority's "
        "certificate at the provider.",
    ),
    Reason(
        "certificate_not_current",
        Outcome.BAD_CREDENTIALS,
        "The certificate is no longer valid, or not yet. Issue a new one, and look at the clock of this machine.",
    ),
    Reason(
        "certificate_not_for_clients",
        Outcome.BAD_CREDENTIALS,
        "The certificate is not meant for clients: its extended key usage lacks clientAuth. Issue one that has it.",
    ),
    Reason(
        "tls_required",
        Outcome.NOT_ALLOWED,
        "The provider takes passwords over TLS only, and there was none. Let the client use StartTLS or LDAPS.",
        "Passwords are taken over TLS only. Start TLS first.",
    ),
    Reason(
        "certificate_missing",
        Outcome.NOT_ALLOWED,
        "The client wanted to bind by its certificate (SASL EXTERNAL) and showed none in the TLS handshake.",
        "The TLS handshake brought no certificate.",
    ),
    Reason(
        "acts_for_another",
        Outcome.BAD_CREDENTIALS,
        "The password is right, and the client wanted to act as somebody else (SASL PLAIN's authorization identity), "
        "which nobody may. Leave that out, or write the same user there.",
    ),
    Reason(
        "certificate_of_another",
        Outcome.BAD_CREDENTIALS,
        "The certificate is good, and somebody else's than the user whom the client wanted to be.",
    ),
    Reason("certificate_revoked", Outcome.BAD_CREDENTIALS, "The certificate was revoked. Issue a new one."),
    Reason(
        "certificate_names_nobody",
        Outcome.BAD_CREDENTIALS,
        "No user has the name or the address in the certificate. It is looked for in the subject alternative names "
        "(UPN, e-mail) and in the common name.",
    ),
    Reason(
        "unknown_device",
        Outcome.BAD_CREDENTIALS,
        "No device has this hardware address. Add it to the devices to let it in.",
    ),
    Reason("device_disabled", Outcome.BAD_CREDENTIALS, "The device is switched off in the list of devices."),
    Reason(
        "device_of_nobody",
        Outcome.BAD_CREDENTIALS,
        "The device belongs to no user, and this provider lets in users only. Give it one.",
    ),
    Reason(
        "too_many_sessions",
        Outcome.NOT_ALLOWED,
        "The user has as many live sessions as the provider's session_limit allows. End one, or raise the limit.",
    ),
    Reason(
        "devices_not_allowed",
        Outcome.BAD_CREDENTIALS,
        "The provider lets no device in by its hardware address alone. Switch its mac_authentication on if it should.",
    ),
    # --- end of proofs ---
    # --- EAP ---
    Reason(
        "eap_malformed",
        Outcome.BAD_CREDENTIALS,
        "The device's EAP packets break the rules of its method. The log says which; try another device or method.",
    ),
    Reason(
        "eap_not_offered",
        Outcome.BAD_CREDENTIALS,
        "The provider offers no EAP method. Name some in its eap_methods.",
    ),
    Reason(
        "eap_no_common_method",
        Outcome.BAD_CREDENTIALS,
        "The device wants an EAP method that the provider does not offer. Offer it in eap_methods (EAP-TLS needs "
        "client authorities, too), or choose PEAP, TTLS or TLS on the device.",
    ),
    Reason(
        "eap_session_unknown",
        Outcome.BAD_CREDENTIALS,
        "The EAP conversation is not known here: it took too long, has ended, or began elsewhere.",
    ),
    Reason(
        "eap_too_many_rounds",
        Outcome.BAD_CREDENTIALS,
        "The EAP conversation went on for more rounds than any login needs. Let the device send larger fragments.",
    ),
    Reason(
        "eap_tls_failed",
        Outcome.BAD_CREDENTIALS,
        "The TLS handshake failed; the log says how. “unknown ca” or “certificate unknown” means that the device does "
        "not trust this server's certificate: install its authority on the device.",
    ),
    Reason(
        "eap_no_certificate",
        Outcome.NOT_ALLOWED,
        "The provider's certificate is missing, or does not fit its key. Choose another one.",
    ),
    Reason(
        "eap_resumption_refused",
        Outcome.BAD_CREDENTIALS,
        "The device resumed a session that is no longer good. It signs in with its credentials next.",
    ),
    # --- end of EAP ---
    Reason(
        "too_many_tries",
        Outcome.THROTTLED,
        "Too many wrong tries for this account from this place. It may try again within two minutes; saving the user "
        "releases it at once.",
    ),
    Reason(
        "too_many_tries_for_account",
        Outcome.THROTTLED,
        "Too many wrong tries for this account from many places. Devices that were let in before still are.",
    ),
    Reason(
        "too_many_tries_from_here",
        Outcome.THROTTLED,
        "Too many wrong tries from this place, for many accounts. Find out who guesses there.",
    ),
    # --- requests over LDAP, apart from binds ---
    Reason(
        "no_dn",
        Outcome.BAD_CREDENTIALS,
        "The name is no DN. Give the client a whole one (cn=alice,ou=users,...), or switch on binds by other names.",
        "The name is no DN.",
    ),
    Reason(
        "impossible_request",
        Outcome.NOT_ALLOWED,
        "The request breaks the rules of its operation or of a control, or asks for an operation that is not served.",
    ),
    Reason(
        "too_large_request",
        Outcome.NOT_ALLOWED,
        "The request has a filter that is too deep or wide, or too many attributes, changes or sort keys.",
    ),
    Reason(
        "unserved_control",
        Outcome.NOT_ALLOWED,
        "The client insists on a control that is not served. Let it do without, or mark it as not critical.",
    ),
    Reason(
        "order_unserved",
        Outcome.NOT_ALLOWED,
        "A NAS or proxy orders this outpost to end or change a session (RFC 5176), and it has none: orders go from "
        "here to the NAS. Take the outpost out of the servers that it sends them to.",
    ),
    Reason(
        "not_bound",
        Outcome.NOT_ALLOWED,
        "The client asked without a bind. Give it a bind DN and a password, or switch anonymous_search on.",
    ),
    Reason(
        "may_not_read",
        Outcome.NOT_ALLOWED,
        "The account reads below the base DN of the provider where it has bound, as long as the application admits it.",
    ),
    Reason(
        "unknown_base_dn",
        Outcome.NOT_ALLOWED,
        "No LDAP provider of this outpost has a base DN above this name. Add one, or correct the client.",
    ),
    Reason("never_told", Outcome.NOT_ALLOWED, "The client compares passwords. That is never done: let it bind."),
    Reason(
        "read_only",
        Outcome.NOT_ALLOWED,
        "The client wants to write. Over LDAP people change their own passwords and nothing else.",
    ),
    Reason(
        "password_of_another",
        Outcome.NOT_ALLOWED,
        "Somebody wanted to change the password of another. People change their own; administrators use the console.",
    ),
    # --- end of requests ---
    Reason("busy", Outcome.UNAVAILABLE, "Too many passwords are being checked at once. Try again shortly."),
    Reason("control_away", Outcome.UNAVAILABLE, "Control does not answer. Check that it runs and can be reached."),
    Reason("internal_error", Outcome.UNAVAILABLE, "A fault of ours; the log holds a traceback with this id."),
)
