"""The weights of the face networks on this machine: looked up before tests get a cache of their own."""

from __future__ import annotations

import pytest

from imagewright.pretrained.faces.weights import NETWORKS
from imagewright.pretrained.published_weights import find_published

FOUND = {weights.name: find_published(weights) for weights in NETWORKS}


def use_face_weights(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let the test find the weights of these networks (all by default); it is skipped where they are absent."""
    places = [FOUND[name] for name in names or FOUND]
    if any(place is None for place in places):
        pytest.skip("the weights of the face networks are not here: imagewright weights get faces")
    monkeypatch.setenv("IMAGEWRIGHT_WEIGHTS", str(places[0].parent))  # type: ignore[union-attr]
