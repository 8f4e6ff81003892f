"""schemathesis reads `/api/v3/schema/`, asks every operation what nobody thought of, and compares the answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.control.web.api import ADMIN_TOKEN, Api
from tests.extent import FACTOR, FULL

EXAMPLES = 2
"""For each operation and way to ask; ten times as many in `make test-all`."""
ALWAYS: list[Any] = [not_a_server_error, content_type_conformance, response_schema_conformance]
CHECKS: dict[GenerationMode, list[Any]] = {
    GenerationMode.POSITIVE: [*ALWAYS, status_code_conformance],
    GenerationMode.NEGATIVE: ALWAYS,
}
"""What is asked as described has a described answer; of what is not, only that it is an answer."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder: Path = tmp_path_factory.mktemp("schemathesis")
    opened = Api(folder)
    yield opened
    opened.close()


@pytest.mark.timeout(600)
def test_every_operation_answers_as_described(api: Api) -> None:
    schema = schemathesis.openapi.from_asgi("/api/v3/schema/", api.app)
    asked, wrong = 0, []
    results: Iterable[Any] = schema.get_all_operations()
    for result in results:
        operation = result.ok()
        for mode, checks in CHECKS.items():
            try:
                asked += _ask(operation, mode, checks)
            except FailureGroup as failures:
                wrong += [f"{operation.label}: {failure}" for failure in failures.exceptions]
    assert wrong == []
    assert asked >= EXAMPLES * 50


def _ask(operation: Any, mode: GenerationMode, checks: list[Any]) -> int:
    asked = 0

    @settings(
        max_examples=EXAMPLES * (FACTOR if FULL else 1),
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        nonlocal asked
        asked += 1
        case.call_and_validate(headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}, checks=checks)

    try:
        one()
    except Unsatisfiable:  # what takes nothing cannot be asked for wrongly
        assert (mode, asked) == (GenerationMode.NEGATIVE, 0)
    return asked
