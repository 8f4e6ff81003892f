"""Who may use an application: bindings to users and groups, combined by ``any`` or ``all``, both literal (D11)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Binding(Protocol):
    @property
    def enabled(self) -> bool: ...
    @property
    def negate(self) -> bool: ...
    @property
    def user(self) -> int | None: ...
    @property
    def group(self) -> str | None: ...


def passes(binding: Binding, user: int, groups: frozenset[str]) -> bool:
    """Does this one binding let the user in? ``groups`` are the user's groups with all their ancestors."""
    matches = (binding.user is not None and binding.user == user) or (
        binding.group is not None and binding.group in groups
    )
    return matches != binding.negate


def admits(mode: str, bindings: Iterable[Binding], user: int, groups: frozenset[str]) -> bool:
    """An application without enabled bindings is open to every user; otherwise any, or all, must pass."""
    verdicts = [passes(binding, user, groups) for binding in bindings if binding.enabled]
    if not verdicts:
        return True
    return all(verdicts) if mode == "all" else any(verdicts)
