"""How frames travel over HTTP: the names that both ends must spell alike (DESIGN D7)."""

from __future__ import annotations

PATH = "/api/v3/outposts/link/"
"""GET follows, POST asks or reports."""
HELLO_HEADER = "X-Outpost-Hello"
"""The hello frame, percent-encoded: a GET has no body that every proxy lets through."""
REVOKED_HEADER = "X-Outpost-Revoked"
"""Beside a 403: it is control's own, not one of a proxy in between. The outpost then forgets what it holds."""
