"""The names of fields and of what can be chosen in them, as authentik's pages call them; a sentence where it helps.

A field without a line here is called by its name. What a type says itself, with ``Field(title=..., description=...)``,
comes first: one word may mean different things.
"""

from __future__ import annotations

from control.web.console.phrases import Words, spoken
from control.web.console.source_words import SOURCE_WORDS


def words_of(name: str, title: str = "", description: str = "") -> Words:
    if title:
        return Words(title, description)
    return WORDS.get(name) or Words(spoken(name), description)


_FLOWS = "Which flow is run; leave it as it is unless you have made one of your own."
_DURATION = "Written like hours=1;minutes=30."

WORDS: dict[str, Words] = {
    **SOURCE_WORDS,
    # directory
    "username": Words("Username", "The name to sign in with."),
    "name": Words("Name"),
    "email": Words("Email"),
    "is_active": Words("Active", "Without this, nobody gets in with the account, and its sessions end at once."),
    "attributes": Words("Attributes", "Anything else that applications want to know, as YAML."),
    "path": Words("Path", "A folder to sort users by."),
    "type": Words(
        "Type",
        options={
            "internal": "Internal",
            "external": "External",
            "service_account": "Service account",
            "internal_service_account": "Service account of an outpost",
            "proxy": "Proxy",
            "ldap": "LDAP",
            "radius": "RADIUS",
            "any": "Any",
        },
    ),
    "valid_from": Words("Valid from", "In UTC. Before this moment, nobody gets in with the account."),
    "valid_until": Words("Valid until", "In UTC. After this moment, nobody gets in with the account."),
    "must_change_password": Words(
        "Must change the password", "The password is good for choosing another one in a browser, and for nothing else."
    ),
    "enrollment": Words(
        "Making accounts",
        "Who may make themselves an account. They confirm their address by mail.",
        options={"off": "Nobody", "invitation": "Whoever has an invitation", "open": "Everybody"},
    ),
    "unenrollment": Words("People may delete their own accounts"),
    "default_user_change_name": Words("People may change their names"),
    "default_user_change_email": Words(
        "People may change their e-mail addresses", "Until it is confirmed by a mail, applications are not told of it."
    ),
    "default_user_change_username": Words("People may change their user names"),
    "host": Words("Host", "The SMTP server that takes mail from here.", example="smtp.example.com"),
    "port": Words("Port", "Usually 587 with STARTTLS, 465 with TLS from the first byte, 25 without either."),
    "use_tls": Words("STARTTLS", "The connection begins in the open and is then encrypted."),
    "use_ssl": Words("TLS from the first byte"),
    "from_address": Words("From", "The sender of all mail.", example="Example <no-reply@example.com>"),
    "groups": Words("Groups"),
    "is_superuser": Words("Superuser status", "Members may do everything here."),
    "parents": Words("Parents", "Members of this group count as members of its parents too."),
    "roles": Words("Roles", "What members of this group may do here, beside what everybody may."),
    "create_group": Words("Create a group of the same name"),
    # applications and providers
    "slug": Words("Slug", "The short name in addresses: letters, digits, hyphens."),
    "group": Words("Group", "In the launcher, applications with the same word here stand together."),
    "provider": Words("Provider", "How the application is reached. One provider serves one application."),
    "meta_launch_url": Words(
        "Launch URL", "Where a click in the launcher leads. Empty: what the provider says.", example="https://"
    ),
    "open_in_new_tab": Words("Open in a new tab"),
    "meta_icon": Words("Icon", "Address of a picture on this server, or a data: address."),
    "meta_description": Words("Description"),
    "meta_publisher": Words("Publisher"),
    "meta_hide": Words("Hide from the launcher"),
    "policy_engine_mode": Words(
        "Policy engine mode",
        options={"any": "any: one matching binding is enough", "all": "all: every binding has to match"},
    ),
    "domain": Words("Domain", "It serves this host and all below it.", example="example.com"),
    "default": Words("Default", "Serves every host that no other brand does; there is always one."),
    "branding_title": Words("Title", "What pages, mail and programs for codes call us."),
    "branding_logo": Words("Logo", "Address of a picture on this server, or a data: address."),
    "branding_favicon": Words("Icon in the browser's tab", "Address of a picture on this server, or a data: address."),
    "branding_custom_css": Words(
        "Style sheet", "Colours are variables, such as --accent, --ground, --surface and --ink of :root."
    ),
    "flow_authentication": Words("Authentication flow", _FLOWS),
    "flow_invalidation": Words("Invalidation flow", _FLOWS),
    "flow_recovery": Words("Recovery flow", _FLOWS),
    "default_application": Words(
        "Default application", "Where people of the type external land after signing in, if they came for nothing else."
    ),
    "flow_unenrollment": Words("Unenrollment flow", _FLOWS),
    "flow_user_settings": Words("User settings flow", _FLOWS),
    "authentication_flow": Words("Authentication flow", "For people who are not signed in yet. " + _FLOWS),
    "authorization_flow": Words("Authorization flow", _FLOWS),
    "invalidation_flow": Words("Invalidation flow", _FLOWS),
    "property_mappings": Words("Property mappings", "What is told of a person."),
    "expression": Words("Expression", "Python, as authentik's users write it: what it returns is told."),
    "scope_name": Words("Scope", "What an application asks for.", example="roles"),
    "on_failure": Words(
        "When it fails",
        options={"omit": "omit: leave out what it would have said", "refuse": "refuse: let nobody in"},
    ),
    "assertion_header": Words("Header of the signed assertion", "Empty: none.", example="X-Jwt-Assertion"),
    "nested_groups": Words("Groups above as well", "A member of a child group is told of as a member of its parents."),
    "client_type": Words(
        "Client type",
        options={
            "confidential": "Confidential: an application on a server, which can keep a secret",
            "public": "Public: an application in a browser or on a phone",
        },
    ),
    "client_id": Words("Client ID"),
    "client_secret": Words("Client Secret"),
    "cookie_secret": Words("Cookie secret"),
    "redirect_uris": Words(
        "Redirect URIs",
        "One to a line. A line that begins with “regex ” is a pattern; one that begins with “logout ” is where "
        "signing out may lead.",
        example="https://grafana.example.com/login/generic_oauth",
    ),
    "signing_key": Words("Signing Key", "Signs what the application is told. The default certificate is a good one."),
    "access_code_validity": Words("Access code validity", _DURATION),
    "access_token_validity": Words("Access token validity", _DURATION),
    "refresh_token_validity": Words("Refresh token validity", _DURATION),
    "refresh_token_threshold": Words(
        "Refresh token threshold",
        "A refresh token is replaced when it is good for no longer than this; zero: with each use.",
    ),
    "include_claims_in_id_token": Words("Include claims in id_token"),
    "sub_mode": Words(
        "Subject mode",
        "What the application knows a person by.",
        options={
            "hashed_user_id": "A hash of the user's ID",
            "user_id": "The user's ID",
            "user_uuid": "The user's UUID",
            "user_username": "The username",
            "user_email": "The email address",
            "user_upn": "The attribute upn",
        },
    ),
    "issuer_mode": Words(
        "Issuer mode",
        options={"per_provider": "Each provider has its own issuer", "global": "One issuer for all providers"},
    ),
    "require_pkce": Words("Require PKCE", "Public clients always need it. Grafana's default sends none."),
    "base_dn": Words("Base DN", example="DC=ldap,DC=goauthentik,DC=io"),
    "certificate": Words("Certificate", "Without one, a generated self-signed certificate is shown."),
    "tls_server_name": Words("TLS server name", "The name that clients use for this provider (SNI)."),
    "uid_start_number": Words("UID start number", "Added to each user's number."),
    "gid_start_number": Words("GID start number", "Added to each group's number."),
    "search_mode": Words("Search mode"),
    "bind_mode": Words("Bind mode"),
    "mfa_support": Words("Code-based MFA support", "A code may follow the password, with a semicolon between."),
    "client_networks": Words(
        "Client networks", "From where devices may ask, with commas between.", example="10.0.0.0/8"
    ),
    "network": Words("Network", "An address, or a network.", example="192.0.2.7"),
    "message_authenticator": Words(
        "Message-Authenticator",
        options={
            "pinned": "pinned: whoever has sent one must go on",
            "required": "required",
            "optional": "optional: for what cannot be taught",
            "unsigned": "unsigned: nor do our answers to such requests, for what drops those",
        },
    ),
    "coa_port": Words("Port for orders", "Where it ends sessions when told to (RFC 5176); 0: it takes no orders."),
    "radsec_name": Words("Name in its certificate", "For RADIUS over TLS; empty: it may not speak so."),
    "stripped_realms": Words(
        "Realms taken off names", "With commas between; * is every one.", example="example.com, OFFICE"
    ),
    "session_limit": Words("Sessions at once", "Of one user, as far as accounting tells; 0: as many as they like."),
    "mac_authentication": Words("Hardware addresses", "Devices that were added may show nothing else."),
    "remember_network_passwords": Words(
        "Remember network passwords",
        "While control is away, devices that came in by PEAP-MSCHAPv2 or MS-CHAPv2 lately still do. For that, outposts "
        "hold the NT hashes of their network passwords in memory, which are as good as these passwords.",
    ),
    "eap_methods": Words("EAP methods", "The first is proposed, the others are there for devices that ask for them."),
    "client_authorities": Words("Authorities", "Whose certificates devices may log in with (EAP-TLS)."),
    "client_revocations": Words("Revocation lists", "PEM, of these authorities."),
    "address": Words("Hardware address", example="aa:bb:cc:dd:ee:ff"),
    "vlan": Words("VLAN", "Number or name; empty: none is said."),
    "psk": Words("Key of its own", "For a Wi-Fi that gives each device one; 8 to 63 characters."),
    "shared_secret": Words("Shared secret", "The same on the device that asks."),
    "mode": Words(
        "Mode",
        options={
            "forward_single": "Forward auth (single application)",
            "forward_domain": "Forward auth (domain level)",
            "proxy": "Proxy: requests go through the outpost",
            "local": "Local: a list of their own",
            "email": "Email",
            "webhook": "Generic Webhook",
            "webhook_slack": "Slack Webhook (Slack/Discord)",
        },
    ),
    "external_host": Words("External host", "As browsers write it.", example="https://app.example.com"),
    "internal_host": Words("Internal host", "Where the application listens; only for the mode Proxy."),
    "internal_host_ssl_validation": Words("Internal host SSL validation"),
    "internal_host_authorities": Words(
        "Internal host's authorities", "Whose certificates count there, in place of the system's authorities."
    ),
    "internal_host_certificate": Words("Certificate towards the internal host", "Shown to it, if it asks for one."),
    "skip_path_regex": Words("Unauthenticated paths", "Regular expressions, one to a line: open to everybody."),
    "basic_auth_enabled": Words("Send HTTP-Basic credentials"),
    "basic_auth_user_attribute": Words("HTTP-Basic username key", "The user's attribute with the name to send."),
    "basic_auth_password_attribute": Words("HTTP-Basic password key", "The user's attribute with the password."),
    "intercept_header_auth": Words("Intercept header authentication", "Accept Basic credentials and app passwords."),
    "cookie_domain": Words("Cookie domain", "Only for the domain level: every host below it.", example="example.com"),
    "providers": Words("Applications", "What this outpost serves. It takes a few seconds at most."),
    "config": Words("Configuration", "As YAML."),
    # bindings
    "target": Words("For", "What the binding opens or closes."),
    "policy": Words("Policy"),
    "user": Words("User"),
    "order": Words("Order"),
    "enabled": Words("Enabled"),
    "negate": Words("Negate", "Turns the answer round: everybody else."),
    "timeout": Words("Timeout", "In seconds."),
    "failure_result": Words("Pass when the policy fails", "What counts when it cannot be evaluated."),
    # policies
    "execution_logging": Words("Leave an event each time it is asked"),
    "networks": Words("Networks", "One to a line.", example="192.0.2.0/24"),
    "weekdays": Words("Weekdays", "One to a line, from 0 (Monday) to 6 (Sunday); empty: every day."),
    "begins": Words("Begins", "In minutes after midnight: 480 is eight o'clock."),
    "ends": Words("Ends", "In minutes after midnight; earlier than the beginning: the next day."),
    "timezone": Words("Time zone", example="Europe/Berlin"),
    "countries": Words("Countries", "Two letters each, one to a line.", example="DE"),
    "asns": Words("Autonomous systems", "Their numbers, one to a line."),
    "check_ip": Words("Count the address"),
    "check_username": Words("Count the username"),
    "threshold": Words("Threshold", "Passes for scores at or below it; wrong tries make a score smaller."),
    # RADIUS rules
    "nas": Words("NAS", "Only through this one: its name or address; empty: through every one."),
    "ssid": Words("SSID", "Only on this Wi-Fi; empty: everywhere."),
    # notifications
    "transports": Words("Transports", "By what ways people are told."),
    "severity": Words("Severity"),
    "destination_group": Words("Group", "Its members are told, and those of groups below it."),
    "destination_event_user": Words("Tell the person whom the event is about"),
    "webhook_url": Words("Webhook URL", "For the two webhook modes. Whoever knows it can post there."),
    "webhook_mapping_body": Words("Webhook body mapping", "What is posted instead of the usual body."),
    "webhook_mapping_headers": Words("Webhook header mapping", "Header lines that are added, such as Authorization."),
    "email_subject_prefix": Words("Email subject prefix"),
    "email_template": Words("Email template"),
    "send_once": Words("Send once", "For each event, not for each person."),
    # tokens and certificates
    "identifier": Words("Identifier", "A short name: letters, digits, hyphens."),
    "intent": Words(
        "Intent",
        options={
            "api": "API token: for programs that use the API",
            "app_password": "App password: stands for the password on one device, not in browsers",
            "verification": "Verification",
            "recovery": "Recovery",
            "network_password": "Network password: for Wi-Fi and VPN clients (CHAP, MS-CHAPv2)",
        },
    ),
    "description": Words("Description"),
    "expiring": Words("Expires"),
    "expires": Words("Expires on", "In UTC. Empty: after the default duration."),
    "certificate_data": Words("Certificate", "PEM, with the chain below it.", example="-----BEGIN CERTIFICATE-----"),
    "key_data": Words("Private key", "PEM, not encrypted.", example="-----BEGIN PRIVATE KEY-----"),
    "common_name": Words("Common name", example="auth.example.com"),
    "subject_alt_name": Words("Subject alternative names", "Host names and addresses, with commas between."),
    "validity_days": Words("Validity days"),
    "alg": Words("Private key algorithm", options={"rsa": "RSA", "ecdsa": "ECDSA"}),
    # system
    "base_url": Words(
        "Public URL", "The address under which browsers reach this server.", example="https://auth.example.com"
    ),
    "event_retention": Words("Event retention", f"How long events are kept. {_DURATION}"),
    "default_token_duration": Words("Default token duration", _DURATION),
    "password_length": Words("Password length", "The least number of characters of a new password."),
    "password_digits": Words("Digits in a password", "At least so many; 0 asks for none."),
    "password_uppercase": Words("Capital letters in a password", "At least so many."),
    "password_lowercase": Words("Small letters in a password", "At least so many."),
    "password_symbols": Words("Symbols in a password", "At least so many that are neither letter nor digit."),
    "password_strength": Words(
        "Strength of a password", "How hard it must be to guess, as zxcvbn estimates it: from 0 (anything) to 4."
    ),
    "password_history": Words(
        "Passwords not to repeat", "A new password differs from so many before, the present one among them."
    ),
    "password_max_age": Words("Longest age of a password", f"{_DURATION} days=0: passwords do not grow old."),
    "password_warning": Words(
        "Warning before a password ends", f"{_DURATION} LDAP tells clients that ask (password policy control)."
    ),
    "default_token_length": Words("Default token length", "Characters in the key of a new token."),
}
