"""Who may use an application: bindings to users, groups, policies, combined by ``any`` or ``all``, both literal (D11).

Users and groups are decided here, by outposts and control alike. What a policy says only control can find out; here it
is a word that was given, or that nobody has given yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Protocol


class Binding(Protocol):
    @property
    def pk(self) -> str: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def negate(self) -> bool: ...
    @property
    def user(self) -> int | None: ...
    @property
    def group(self) -> str | None: ...
    @property
    def policy(self) -> str | None: ...


Words = Mapping[str, bool]
"""pk of a binding to what its policy said, before the binding negates it."""
NO_WORDS: Words = MappingProxyType({})


def passes(binding: Binding, user: int, groups: frozenset[str], words: Words = NO_WORDS) -> bool | None:
    """Does this one binding let the user in? None: its policy has to say, and has not been asked.

    ``groups`` are the user's groups with all their ancestors.
    """
    if binding.policy is not None:
        word = words.get(binding.pk)
        return None if word is None else word != binding.negate
    matches = (binding.user is not None and binding.user == user) or (
        binding.group is not None and binding.group in groups
    )
    return matches != binding.negate


def verdict(
    mode: str, bindings: Iterable[Binding], user: int, groups: frozenset[str], words: Words = NO_WORDS
) -> bool | None:
    """An application without enabled bindings is open to every user; otherwise any, or all, must pass.

    None: policies decide it that have not been asked.
    """
    found = {passes(binding, user, groups, words) for binding in bindings if binding.enabled}
    if not found:
        return True
    alone = mode != "all"
    if alone in found:  # one yes is enough for any, one no for all
        return alone
    return None if None in found else not alone


def admits(mode: str, bindings: Iterable[Binding], user: int, groups: frozenset[str], words: Words = NO_WORDS) -> bool:
    """As `verdict`; what is not known is no."""
    return verdict(mode, bindings, user, groups, words) is True
