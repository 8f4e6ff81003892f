"""What expressions see of several records: read as a Django query set is, because that is how they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from control.expression.budget import Budget
from control.expression.exposed import Exposed, Routine
from control.expression.methods import attribute
from control.expression.operations import items, shown, truth
from control.expression.vocabulary import found


class Listing(Exposed):
    """Records in an order. Every question gives a new listing, or a value; nothing is changed, nothing fetched."""

    __slots__ = ("_records",)

    def __init__(self, records: Sequence[Exposed]) -> None:
        self._records = tuple(records)

    @property
    def title(self) -> str:
        return "QuerySet"

    def attribute(self, name: str) -> Any:
        if name not in _QUESTIONS:
            return super().attribute(name)
        question = _QUESTIONS[name]
        return Routine(name, lambda budget, *given, **named: question(budget, self._records, *given, **named))

    def item(self, key: Any) -> Any:
        found = self._records[key]
        return Listing(found) if isinstance(found, tuple) else found

    def contains(self, key: Any) -> bool:
        return key in self._records

    def each(self) -> Iterator[Any]:
        return iter(self._records)

    def length(self) -> int:
        return len(self._records)

    def __str__(self) -> str:
        return f"<QuerySet [{', '.join(map(str, self._records))}]>"

    __repr__ = __str__


Records = tuple[Exposed, ...]


def _of_text(compare: Callable[[str, str], bool], fold: bool = False) -> Callable[[Budget, Any, Any], bool]:
    def apply(budget: Budget, value: Any, wanted: Any) -> bool:
        left, right = ("" if part is None else shown(budget, part) for part in (value, wanted))
        budget.text(len(left) + len(right))
        return compare(left.casefold(), right.casefold()) if fold else compare(left, right)

    return apply


def _exact(budget: Budget, value: Any, wanted: Any) -> bool:
    budget.weigh(value)
    budget.weigh(wanted)
    return bool(value == wanted)


def _within(budget: Budget, value: Any, wanted: Any) -> bool:
    return any(_exact(budget, value, one) for one in items(budget, wanted))


def _matches(budget: Budget, value: Any, pattern: Any) -> bool:
    return found(budget, pattern, "" if value is None else shown(budget, value))


LOOKUPS: dict[str, Callable[[Budget, Any, Any], bool]] = {
    "exact": _exact,
    "in": _within,
    "isnull": lambda budget, value, wanted: (value is None) is truth(wanted),
    "regex": _matches,
    "iexact": _of_text(str.__eq__, fold=True),
    "contains": _of_text(str.__contains__),
    "icontains": _of_text(str.__contains__, fold=True),
    "startswith": _of_text(str.startswith),
    "istartswith": _of_text(str.startswith, fold=True),
    "endswith": _of_text(str.endswith),
    "iendswith": _of_text(str.endswith, fold=True),
}
"""Django's, after two underscores: ``name__startswith="vpn-"``."""


def _value(budget: Budget, record: Any, path: Sequence[str]) -> Any:
    """Through attributes, and through the keys of dictionaries; what a dictionary does not have is None."""
    budget.spend(len(path))
    for part in path:
        record = record.get(part) if type(record) is dict else attribute(budget, record, part)
    return record


def _meets(budget: Budget, record: Exposed, wanted: dict[str, Any]) -> bool:
    for written, value in wanted.items():
        path = written.split("__")
        lookup = LOOKUPS[path.pop()] if path[-1] in LOOKUPS and len(path) > 1 else _exact
        if not lookup(budget, _value(budget, record, path), value):
            return False
    return True


def _all(budget: Budget, records: Records) -> Listing:
    return Listing(records)


def _filter(budget: Budget, records: Records, /, **wanted: Any) -> Listing:
    return Listing([record for record in items(budget, list(records)) if _meets(budget, record, wanted)])


def _exclude(budget: Budget, records: Records, /, **wanted: Any) -> Listing:
    return Listing([record for record in items(budget, list(records)) if not _meets(budget, record, wanted)])


def _get(budget: Budget, records: Records, /, **wanted: Any) -> Any:
    found = _filter(budget, records, **wanted)
    if found.length() != 1:
        raise LookupError(f"get() needs one to be there, and {found.length()} are")
    return found.item(0)


def _first(budget: Budget, records: Records) -> Any:
    return records[0] if records else None


def _last(budget: Budget, records: Records) -> Any:
    return records[-1] if records else None


def _order_by(budget: Budget, records: Records, *fields: str) -> Listing:
    ordered = list(records)
    for written in reversed(fields):
        budget.spend(4 * len(ordered))
        keys = {id(record): _value(budget, record, [written.lstrip("-")]) for record in ordered}
        ordered.sort(key=lambda record, keys=keys: keys[id(record)], reverse=written.startswith("-"))  # type: ignore[misc]
    return Listing(ordered)


def _values_list(budget: Budget, records: Records, *fields: str, flat: Any = False) -> list[Any]:
    if truth(flat) and len(fields) != 1:
        raise TypeError("values_list with flat=True takes one field")
    rows = [
        tuple(_value(budget, record, field.split("__")) for field in fields) for record in items(budget, list(records))
    ]
    return [row[0] for row in rows] if truth(flat) else list(rows)


def _values(budget: Budget, records: Records, *fields: str) -> list[dict[str, Any]]:
    return [
        {field: _value(budget, record, field.split("__")) for field in fields}
        for record in items(budget, list(records))
    ]


def _contains(budget: Budget, records: Records, record: Any) -> bool:
    return record in records


_QUESTIONS: dict[str, Callable[..., Any]] = {
    "all": _all,
    "distinct": _all,
    "iterator": _all,
    "filter": _filter,
    "exclude": _exclude,
    "get": _get,
    "first": _first,
    "last": _last,
    "order_by": _order_by,
    "values_list": _values_list,
    "values": _values,
    "contains": _contains,
    "exists": lambda budget, records: bool(records),
    "count": lambda budget, records: len(records),
}
