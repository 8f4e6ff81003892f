"""Why a datagram or message got no answer: code to a sentence for the operator. Nothing of it reaches a stranger."""

from __future__ import annotations

DISCARDS: dict[str, str] = {
    "not_ready": "This outpost has no configuration yet. It answers once control has sent one.",
    "unknown_nas": "No RADIUS provider has a client network with this address. Add the NAS to one.",
    "malformed": "The packet breaks the format of its protocol, or is cut short.",
    "oversize": "The message is longer than any that is served; nothing of it was read beyond its header.",
    "too_many_connections": "Too many connections are open, in all or from this address.",
    "unexpected_code": "This kind of packet is not served on this port. Check the ports in the NAS.",
    "bad_message_authenticator": (
        "The Message-Authenticator does not verify: the shared secret of the NAS is probably wrong."
    ),
    "bad_request_authenticator": (
        "The Request Authenticator does not verify: the shared secret of the NAS is probably wrong."
    ),
    "bad_response_authenticator": (
        "The Response Authenticator of a NAS's answer does not verify: its shared secret is probably wrong."
    ),
    "no_session": "The accounting has no Acct-Session-Id, or a status that is none of a session. Check the NAS.",
    "not_kept": (
        "The accounting could not be written to the outbox, or that is full while control is away. The NAS keeps it "
        "and sends it again. Look at the disk, and whether control can be reached."
    ),
    "missing_message_authenticator": (
        "The Message-Authenticator is missing where it must be: with EAP, Proxy-State and Status-Server, and from a "
        "NAS that has sent it before. Update the NAS, or relax the requirement for it."
    ),
    "eap_unexpected": (
        "The EAP packet answers nothing that was asked last: a copy that came late, or a forged one. The NAS goes on."
    ),
    "duplicate_pending": "The NAS repeats a request that is still being decided, or whose reject is being delayed.",
    "unknown_radsec_client": (
        "The certificate of a NAS or proxy is good, and no RADIUS provider that believes its authority has a NAS with "
        "its name. Set the name as radsec_name of a NAS."
    ),
    "too_many_pending": "Too many requests are being decided at once. The NAS will ask again.",
    "reply_too_long": (
        "The reply attributes do not fit into one packet (4,096 octets) beside the Proxy-State that has to go back. "
        "Give fewer or shorter reply attributes, or have fewer proxies between the NAS and this outpost."
    ),
    "longer_than_unsigned": (
        "The answer would be longer than the request, which anybody could have sent in the name of the NAS: it has no "
        "Message-Authenticator, and a hardware address by CHAP, or without a password, shows nothing of the shared "
        "secret. Have the NAS send Message-Authenticator, or set its requirement to optional."
    ),
    "send_failed": "The reply could not be sent. Check routes and firewall towards the NAS.",
    "gap": "What control sent does not fit the directory that is here. Everything is asked for anew.",
    "ambiguous_target": "The path is not allowed in a URL, or applications would read it in different ways.",
    "bad_forwarding": (
        "A reverse proxy's headers about the browser's request are missing, doubled or contradicting. "
        "A warning names the header."
    ),
}
