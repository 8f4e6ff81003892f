"""What stands around every page of the console."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from control.store.interface import NotFound
from control.verbs.fields import Invalid
from control.web.admin_api.refusals import Refused
from control.web.console.visitors import CSRF_FIELD, Visitor
from control.web.pages.answers import Stop, rendered

DONE = {
    "made": "Made.",
    "saved": "Saved.",
    "deleted": "Deleted.",
    "ended": "Ended.",
    "asked": "The NAS is told. What it answers stands here in a moment.",
    "hurried": "It is tried now. What comes of it stands here in a moment.",
    "password": "The new password is set, and old sessions have ended.",
    "added": "Added.",
    "removed": "Removed.",
}
"""What ``?done=`` may say: no text from an address is ever shown."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the menu."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Shelf:
    heading: str
    places: Sequence[Place]


@dataclass(frozen=True, slots=True)
class Frame:
    """Draws pages for one visitor, with the menu at their side."""

    menu: Sequence[Shelf]
    request: Request
    visitor: Visitor
    here: str
    """The address of the menu's line that this page belongs to."""

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        around: dict[str, Any] = {
            "menu": self.menu,
            "place": self.here,
            "person": self.visitor.caller.user,
            "csrf": self.visitor.csrf,
            "csrf_field": CSRF_FIELD,
            "is_administrator": self.visitor.caller.is_superuser,
            "done": DONE.get(self.request.query_params.get("done", ""), ""),
        }
        return rendered(template, status, scripts=True, **around, **values)


@contextmanager
def sentences() -> Iterator[None]:
    """What the API's functions refuse with, as pages say it."""
    try:
        yield
    except NotFound:
        raise _gone() from None
    except Refused as refusal:
        raise (_gone() if refusal.status == 404 else Stop(refusal.status, "Not here", refusal.detail)) from None
    except Invalid as error:
        raise Stop(400, "That did not work", " ".join(s for said in error.fields.values() for s in said)) from None


def _gone() -> Stop:
    return Stop(404, "Not found", "There is no such page, or what it was about has been deleted.")
