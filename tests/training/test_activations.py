"""The memory that a step needs, told before it is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny import tiny_model, train_tiny

from imagewright.errors import ConfigError
from imagewright.training.activations import bytes_of_image

MEMORY = "imagewright.training.activations.total_memory"


def test_a_step_that_does_not_fit_is_refused_and_one_in_parts_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MEMORY, lambda _: 2**19)
    with pytest.raises(ConfigError, match=r"8 images of 16x16 needs more than .*--micro-batch [1-7] "):
        train_tiny("progan", out=tmp_path / "run", precision="fp32")
    assert not (tmp_path / "run").exists()
    train_tiny("progan", out=tmp_path / "run", steps=1, precision="fp32", micro_batch=2)


def test_it_grows_with_the_area() -> None:
    """Of a model with gradients of its own, which reads a number of a tensor and builds parts without memory."""
    small, large = (tiny_model("stylegan3", (side, side)) for side in (16, 32))
    counts = [bytes_of_image(type(model), model.config, 0) for model in (small, large)]
    assert 0 < counts[0] < counts[1] < 8 * counts[0]
