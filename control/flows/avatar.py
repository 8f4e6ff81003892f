"""A picture for somebody who has none: the first letter on a colour that stays theirs. The name alone decides."""

from __future__ import annotations

import base64
import zlib
from html import escape

HUES = 12


def hue(name: str) -> int:
    """0 to 11, the same for the same name."""
    return zlib.crc32(name.lower().encode("utf-8", "replace")) % HUES


def letter(name: str) -> str:
    return next((character.upper() for character in name if character.isalnum()), "?")[:1]


def avatar(name: str) -> str:
    """A data URL with an SVG image."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
        f'<rect width="64" height="64" fill="hsl({hue(name) * 360 // HUES} 45% 42%)"/>'
        '<text x="32" y="42" font-family="system-ui,sans-serif" font-size="28" fill="#fff" text-anchor="middle">'
        f"{escape(letter(name))}</text></svg>"
    )
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
