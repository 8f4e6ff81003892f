"""The words of letters: templates of text and HTML, each of which a folder of the operator's may replace.

The names are authentik's: `email/password_reset.html` and `email/password_reset.txt`. A replaced template that does not
work gives way to ours, and the log says why: whoever waits for a link gets it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

OURS = Path(__file__).parent / "templates"
SHIPPED = (
    "email/password_reset",
    "email/account_confirmation",
    "email/address_confirmation",
    "email/email_otp",
    "email/event_notification",
    "email/credential_change",
)
"""Without their endings: each is there as HTML and as text."""

LONGEST_GREETED = 64
"""Characters of a name: no room for a letter of one's own."""
_LURE = re.compile(r"[/:@\\<>\[\]]|[.\u3002\uff0e\uff61]\S|[^ -~\u00a1-\uffff]")
"""What mail programs make a link of, or could; the full stops of other scripts stand in names of hosts, too (RFC 3490,
3.1)."""
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,100}", re.ASCII)
"""Many a user name is one."""

log = logging.getLogger(__name__)


def greeted(name: str, username: str) -> dict[str, str]:
    """``user`` in a letter to an address that may be anybody's: who has typed that has typed the names, too, and writes
    nothing to others in our name. Empty where it could be more than a name."""
    called = username if _ADDRESS.fullmatch(username) else _plainly(username)
    return {"name": _plainly(name), "username": called or "somebody"}


def _plainly(name: str) -> str:
    """What cannot be printed turns text around, or breaks lines."""
    return name if len(name) <= LONGEST_GREETED and name.isprintable() and _LURE.search(name) is None else ""


def moment(seconds: float) -> str:
    """As letters say it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Written:
    text: str
    html: str


class Letters:
    """``folder``: the operator's, or None."""

    def __init__(self, folder: Path | None = None) -> None:
        ours = FileSystemLoader(OURS)
        self._ours = _environment(ours)
        self._theirs = _environment(ChoiceLoader([FileSystemLoader(folder), ours])) if folder is not None else None

    def names(self) -> list[str]:
        """Of all templates, ours and the operator's, with their endings."""
        theirs = self._theirs.list_templates(extensions=["html"]) if self._theirs is not None else []
        return sorted({*(f"{name}.html" for name in SHIPPED), *(name for name in theirs if name.count("/") == 1)})

    def write(self, template: str, **values: Any) -> Written:
        """``template`` with or without its ending. Raises KeyError if there is no such template."""
        name = template.removesuffix(".html").removesuffix(".txt")
        if self._theirs is not None:
            try:
                return _written(self._theirs, name, values)
            except TemplateNotFound as error:
                if name not in SHIPPED:
                    raise KeyError(name) from error
                log.error("The template %s needs %s, which is not there; ours is used", name, error)
            except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, OSError) as error:
                if name not in SHIPPED:
                    raise KeyError(name) from error
                log.error("The template %s does not work, ours is used: %s", name, error)
        if name not in SHIPPED:
            raise KeyError(name)
        return _written(self._ours, name, values)


def _environment(loader: FileSystemLoader | ChoiceLoader) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _written(environment: ImmutableSandboxedEnvironment, name: str, values: Mapping[str, Any]) -> Written:
    html = environment.get_template(f"{name}.html").render(values)
    try:
        template = environment.get_template(f"{name}.txt")
    except TemplateNotFound:
        return Written(plain(html) + "\n", html)
    return Written(template.render(values).strip() + "\n", html)


class _Plain(HTMLParser):
    """What of a page can be read as text; links in brackets behind their words."""

    BREAKS = frozenset({"p", "div", "br", "tr", "li", "h1", "h2", "h3"})
    SILENT = frozenset({"style", "script", "head", "title"})

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._silent = 0
        self._link = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in self.SILENT
        if tag == "a":
            self._link = dict(attrs).get("href") or ""
        if tag in self.BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in self.SILENT
        if tag == "a" and self._link:
            self.parts.append(f" ({self._link})")
            self._link = ""
        if tag in self.BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(" ".join(data.split()) + (" " if data[-1:].isspace() else ""))


def plain(html: str) -> str:
    """The text of an HTML page, for those who replaced only that."""
    parser = _Plain()
    parser.feed(html)
    lines = [line.strip() for line in "".join(parser.parts).split("\n")]
    return "\n".join(line for line in lines if line)
