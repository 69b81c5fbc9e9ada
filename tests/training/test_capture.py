"""Whole steps as CUDA graphs: what can be captured, how random numbers get in, equal weights if there is a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import BATCH, batches_of, plan, simple_pictures, tiny_model, train_tiny

from imagewright.errors import ConfigError
from imagewright.phases import Draws
from imagewright.training import device as devices
from imagewright.training.capture import Tape, check_capture, with_tape
from imagewright.training.engine import Engine

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a CUDA GPU; none is here")


def draws(seed: int) -> Draws:
    return Draws(torch.Generator().manual_seed(seed), 8, 2, 4)


def ask(source: Draws) -> list[torch.Tensor]:
    return [source.normal(3), source.uniform(1, 2), source.integers(7, 2), source.whole(), source.normal(3)]


def test_a_tape_is_refilled_with_the_numbers_of_another_seed_in_the_same_memory() -> None:
    tape = Tape()
    first = ask(with_tape(draws(0), tape))
    assert all(torch.equal(one, other) for one, other in zip(first, ask(draws(0)), strict=True))
    tape.refill(draws(1))
    tape.reading, tape.position = True, 0
    again = ask(with_tape(draws(0), tape))
    assert all(torch.equal(one, other) for one, other in zip(again, ask(draws(1)), strict=True))
    assert [one.data_ptr() for one in again] == [one.data_ptr() for one in tape.numbers]


def test_without_a_gpu_it_is_refused_before_the_long_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"capture=True.* CUDA GPU.* cpu.*--capture"):
        train_tiny("vae", simple_pictures(), tmp_path / "run", capture=True, device="cpu")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("precision", "words"), [("fp16", "--precision bf16"), ("fp32", "dropout")])
def test_a_training_that_a_graph_cannot_repeat_is_refused(precision: str, words: str) -> None:
    model = torch.nn.Sequential(torch.nn.Dropout(0.5))
    with pytest.raises(ConfigError, match=words):
        check_capture(model, precision, torch.device("cuda"))


@needs_cuda
@pytest.mark.parametrize("name", ["dcgan", "cgan", "vae", "vae_gan", "infogan"])
def test_captured_steps_move_weights_as_uncaptured_ones_do(name: str) -> None:
    device = torch.device("cuda", 0)
    states = []
    for capture in (False, True):
        model = tiny_model(name)
        devices.prepare(model, device)
        engine = Engine(model, plan(capture=capture, ema_half_life=100), device)
        for index in range(12):
            engine.step(batches_of(name, seed=index), index, index * BATCH)
        states.append((model.state_dict(), engine.losses()))
    for key, value in states[0][0].items():
        torch.testing.assert_close(states[1][0][key], value, atol=1e-5, rtol=1e-4, msg=key)
    assert states[1][1] == pytest.approx(states[0][1], rel=1e-3)
