"""Redirect URIs in a text area: one to a line, with words in front of those that are not plain addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

FIELD = "redirect_uris"
PATTERN, LOGOUT = "regex", "logout"


def read(text: str) -> list[dict[str, str]]:
    """``https://app.example.com/callback``, ``regex https://.*``, ``logout https://app.example.com/``."""
    found = []
    for line in text.split("\n"):
        words = line.split()
        uri = {"matching_mode": "strict", "redirect_uri_type": "authorization"}
        while len(words) > 1 and words[0] in (PATTERN, LOGOUT):
            word = words.pop(0)
            uri |= {"matching_mode": "regex"} if word == PATTERN else {"redirect_uri_type": "logout"}
        if words:
            found.append({**uri, "url": " ".join(words)})
    return found


def written(uris: Iterable[Mapping[str, Any]]) -> str:
    return "\n".join(_line(uri) for uri in uris)


def _line(uri: Mapping[str, Any]) -> str:
    words = [LOGOUT] if uri.get("redirect_uri_type") == "logout" else []
    words += [PATTERN] if uri["matching_mode"] == "regex" else []
    return " ".join([*words, str(uri["url"])])
