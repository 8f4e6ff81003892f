"""A fresh store for each test."""

from __future__ import annotations

from tests.control.apply.conftest import place

__all__ = ["place"]
