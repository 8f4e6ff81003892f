"""Who is behind a request: a person in front of a page, or a program that can do nothing with one."""

from __future__ import annotations

from protocols.proxy.trust import NONE, Headers


def is_program(headers: Headers) -> bool:
    """Would a redirect to a sign-in page be lost on whoever asked (DESIGN section 7)?

    It says XMLHttpRequest, a Sec-Fetch-Mode other than navigate (which WebSockets and images have too), or an Accept
    that names neither text/html nor */*.
    """
    if any(value.lower() == b"xmlhttprequest" for value in headers.get(b"x-requested-with", NONE)):
        return True
    if any(mode != b"navigate" for mode in headers.get(b"sec-fetch-mode", NONE)):
        return True
    accepted = b",".join(headers.get(b"accept", NONE)).lower()
    return bool(accepted) and b"text/html" not in accepted and b"*/*" not in accepted
