"""The objects that expressions see. Only what these methods give out can be reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any


class Exposed:
    """Base of everything that is neither a plain value of Python's nor a function."""

    __slots__ = ()

    @property
    def title(self) -> str:
        return type(self).__name__

    def attribute(self, name: str) -> Any:
        """Raises AttributeError."""
        raise AttributeError(f"{self.title} has no attribute {name}")

    def item(self, key: Any) -> Any:
        raise TypeError(f"{self.title} has no items")

    def put(self, key: Any, value: Any) -> None:
        raise TypeError(f"{self.title} cannot be changed")

    def remove(self, key: Any) -> None:
        raise TypeError(f"{self.title} cannot be changed")

    def contains(self, key: Any) -> bool:
        raise TypeError(f"{self.title} holds nothing")

    def each(self) -> Iterator[Any]:
        raise TypeError(f"{self.title} holds nothing to go through")

    def length(self) -> int:
        raise TypeError(f"{self.title} has no length")

    def __str__(self) -> str:
        return self.title

    __repr__ = __str__


class Lazy:
    """An attribute that is worked out when it is first asked for."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


class Thing(Exposed):
    """Named attributes, and nothing else. Equal to another with the same ``identity``."""

    __slots__ = ("_attributes", "_identity", "_shown", "_title")

    def __init__(
        self, title: str, attributes: Mapping[str, Any], shown: str = "", identity: tuple[Any, ...] | None = None
    ) -> None:
        self._title = title
        self._attributes = dict(attributes)
        self._shown = shown
        self._identity = identity

    @property
    def title(self) -> str:
        return self._title

    def attribute(self, name: str) -> Any:
        try:
            value = self._attributes[name]
        except KeyError:
            raise AttributeError(f"{self._title} has no attribute {name}") from None
        if type(value) is Lazy:
            value = self._attributes[name] = value.make()
        return value

    def __eq__(self, other: object) -> bool:
        if self._identity is None or not isinstance(other, Thing):
            return self is other
        return self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity) if self._identity is not None else id(self)

    def __str__(self) -> str:
        return self._shown or self._title

    __repr__ = __str__


class Routine(Exposed):
    """A function of ours: ``call(budget, *arguments, **named)``. As a type, ``isinstance`` knows it by ``types``."""

    __slots__ = ("call", "name", "types")

    def __init__(self, name: str, call: Callable[..., Any], types: tuple[type, ...] = ()) -> None:
        self.name = name
        self.call = call
        self.types = types

    @property
    def title(self) -> str:
        return self.name


def free(name: str, call: Callable[..., Any]) -> Routine:
    """A function whose cost is bounded by its arguments: it is not told of the budget."""
    return Routine(name, lambda budget, *arguments, **named: call(*arguments, **named))


def copied(name: str, call: Callable[..., Any]) -> Routine:
    """A function that makes what it answers anew at each call: it costs as much as there is in it."""

    def make(budget: Any, *arguments: Any, **named: Any) -> Any:
        made = call(*arguments, **named)
        budget.weigh(made)
        return made

    return Routine(name, make)
