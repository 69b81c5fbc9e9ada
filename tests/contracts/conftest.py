"""Fixtures of the contract tests: the skeletons of the coming systems, as if the catalogue listed them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from skeletons import SKELETONS

from imagewright import catalogue


@pytest.fixture(scope="module", autouse=True)
def skeletons() -> Iterator[None]:
    """Within a contract test, the catalogue has the skeletons besides its own models."""
    listed = catalogue.entries() | SKELETONS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "entries", lambda: listed)
        yield
