"""The memory that a step needs, told before it is made."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tiny import tiny_model, train_tiny

from imagewright.errors import ConfigError
from imagewright.phases import Draws, Step
from imagewright.training.activations import bytes_of_image
from imagewright.training.device import check_batch, check_memory

MEMORY = "imagewright.training.activations.memory_of_rank"


@pytest.mark.learning
def test_a_step_that_does_not_fit_is_refused_and_one_in_parts_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MEMORY, lambda _: 2**19)
    with pytest.raises(ConfigError, match=r"8 images of 16x16 needs more than .*--micro-batch [1-7] "):
        train_tiny("progan", out=tmp_path / "run", precision="fp32")
    assert not (tmp_path / "run").exists()
    train_tiny("progan", out=tmp_path / "run", steps=1, precision="fp32", micro_batch=2)


@pytest.mark.learning
def test_it_grows_with_the_area() -> None:
    """Of a model with gradients of its own, which reads a number of a tensor and builds parts without memory."""
    small, large = (tiny_model("stylegan3", (side, side)) for side in (16, 32))
    counts = [bytes_of_image(type(model), model.config, 0) for model in (small, large)]
    assert 0 < counts[0] < counts[1] < 8 * counts[0]


def test_it_leaves_nothing_without_values_behind() -> None:
    """Such as a filter of the augmentation, which is kept for later steps."""
    model = tiny_model("dcgan", (16, 24), augmentation="ada")
    assert bytes_of_image(type(model), model.config, 0)
    draws = Draws(torch.Generator().manual_seed(0), 4, 0, 4)
    step = Step(images=torch.zeros(4, 3, 16, 24), index=0, images_seen=0, draws=draws)
    for phase in model.phases():
        assert all(math.isfinite(term.detach()) for term in phase.terms(step).values())


def test_ranks_of_one_machine_share_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training takes 16 bytes a parameter, and the machine has half as much again."""
    model = tiny_model("dcgan")
    parameters = sum(each.numel() for each in model.parameters())
    monkeypatch.setattr("imagewright.machine.total_memory", lambda _: int(1.5 * 16 * parameters))
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    check_memory(type(model), model.config, cpu)
    check_batch(20, model.config, cpu)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="for each of the 2 ranks of this machine"):
        check_memory(type(model), model.config, cpu)
    with pytest.raises(ConfigError, match="for each of the 2 ranks of this machine"):
        check_batch(20, model.config, cpu)
    check_memory(type(model), model.config, gpu)  # each has one of its own
