"""What shapes are made with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

from control.records import Record
from control.store.interface import Query, Transaction
from control.web.admin_api.resource import pk_of

R = TypeVar("R", bound=Record)
Body = dict[str, Any]


def moment(seconds: float | None) -> str | None:
    """ISO 8601 in UTC, as authentik writes it."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def by_pk(tx: Transaction, kind: type[R], pks: Iterable[Any]) -> dict[Any, R]:
    wanted = sorted({pk for pk in pks if pk is not None})
    return {pk_of(record): record for record in tx.select(kind, Query(within={"pk": wanted}))} if wanted else {}
