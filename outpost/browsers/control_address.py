"""Where browsers reach control: never what a request says, because that comes from whoever asks (DESIGN D25)."""

from __future__ import annotations

from collections.abc import Callable

from outpost.directory.snapshot import Directory


class ControlAddress:
    """``own``: this outpost's own setting, which comes first. ``configured``: what this process was started with, if no
    administrator has set an address. ``otherwise`` gives a last resort; ``note`` tells the operator, once."""

    def __init__(
        self,
        directory: Directory,
        own: str,
        configured: str,
        otherwise: Callable[[], str],
        note: Callable[[str], None],
    ) -> None:
        self._directory = directory
        self._own = own
        self._configured = configured
        self._otherwise = otherwise
        self._note = note
        self._noted = False

    def __call__(self) -> str:
        """Scheme and host, without a slash at the end."""
        outpost = self._directory.current.outpost
        told = ("", "", "")
        if outpost is not None:
            of = outpost.config
            told = (outpost.public_url, _text(of.get("authentik_host_browser")), _text(of.get("authentik_host")))
        public, browser, host = told
        found = self._own or public or self._configured or browser or host
        if found:
            return found.rstrip("/")
        last = self._otherwise().rstrip("/")
        if not self._noted:
            self._noted = True
            self._note(
                f"Nobody has said where browsers reach control, so people who sign in are sent to {last}. Set the "
                "public URL: in the console (System, Configuration), or OUTPOST_PUBLIC_URL, or authentik_host of the "
                "outpost."
            )
        return last


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
