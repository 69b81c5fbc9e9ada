"""Fixtures of the contract tests: the skeletons of the coming systems, as if the catalogue listed them."""

from __future__ import annotations

import pytest
from skeletons import SKELETONS

from imagewright import catalogue


@pytest.fixture(autouse=True)
def skeletons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a contract test, the catalogue has the skeletons besides its own models."""
    listed = catalogue.entries() | SKELETONS
    monkeypatch.setattr(catalogue, "entries", lambda: listed)
