"""How much of a long test runs: `make test` takes a sample of what `make test-all` (``FULL=1``) runs whole."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

FULL = os.environ.get("FULL") == "1"
UNHURRIED = (HealthCheck.too_slow,)
"""How long examples take to make up is the machine's affair."""
FACTOR = 10
"""How many times longer the full loops are."""


def rounds(sample: int) -> int:
    """Turns of a seeded loop."""
    return sample * FACTOR if FULL else sample


def load_profile() -> None:
    """Hypothesis finds the same examples in every run; the full one looks further."""
    settings.register_profile("sample", derandomize=True, deadline=None, suppress_health_check=UNHURRIED)
    settings.register_profile("full", settings.get_profile("sample"), max_examples=100 * FACTOR)
    settings.load_profile("full" if FULL else "sample")
