"""What operators hear of LDAP providers, each thing once: which cannot be served, and which give too much away."""

from __future__ import annotations

from outpost.directory.contexts import NamingContexts
from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.telemetry import Telemetry


class Cautions:
    """Follows a `Directory`, after ``contexts`` have."""

    def __init__(self, directory: Directory, contexts: NamingContexts, telemetry: Telemetry) -> None:
        self._contexts = contexts
        self._telemetry = telemetry
        self._noted: dict[int, str] = {}
        self._giving: frozenset[int] = frozenset()
        directory.follow(self._follow)

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        for pk, problem in self._contexts.problems.items():
            if self._noted.get(pk) != problem:
                self._telemetry.noted(f"LDAP provider {snapshot.providers[pk].name!r} is not served: {problem}.")
        giving = self._contexts.giving_hashes()
        for pk in giving - self._giving:
            self._telemetry.noted(
                f"LDAP provider {snapshot.providers[pk].name!r} gives NT hashes of network passwords to everybody who "
                "may read its whole directory; one is as good as the password. Switch samba_password_hashes off unless "
                "a file server cannot do without."
            )
        self._noted, self._giving = self._contexts.problems, giving
