"""Whole steps as CUDA graphs: random numbers, copies of steps, refusals, and equal weights if there is a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import BATCH, batches_of, plan, simple_pictures, tiny_model, train_tiny

from imagewright.errors import ConfigError
from imagewright.phases import Draws, Rows, Step
from imagewright.training import device as devices
from imagewright.training.capture import Tape, check_capture, copy_rows, copy_step, with_tape
from imagewright.training.engine import Engine

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a CUDA GPU; none is here")


def draws(seed: int) -> Draws:
    """Draws of rows 2 to 5 of a batch of 8."""
    return Draws(torch.Generator().manual_seed(seed), 8, 2, 4)


def sample_all(source: Draws) -> list[torch.Tensor]:
    return [source.normal(3), source.uniform(1, 2), source.integers(7, 2), source.whole(), source.normal(3)]


def test_a_tape_is_refilled_with_the_numbers_of_another_seed_in_the_same_memory() -> None:
    tape = Tape()
    recorded = sample_all(with_tape(draws(0), tape))
    assert all(torch.equal(one, other) for one, other in zip(recorded, sample_all(draws(0)), strict=True))
    tape.refill(draws(1))
    tape.reading, tape.position = True, 0
    read = sample_all(with_tape(draws(0), tape))
    assert all(torch.equal(one, other) for one, other in zip(read, sample_all(draws(1)), strict=True))
    assert [one.data_ptr() for one in read] == [one.data_ptr() for one in tape.numbers]


def rows(value: int) -> dict:
    """The fields of rows whose tensors have one value."""
    return {
        "images": torch.full((3, 1, 2, 2), float(value)),
        "labels": torch.full((3,), value),
        "layers": {"mask": torch.full((3, 2, 2), value)},
    }


def values_in(rows: Rows) -> set[float]:
    return {value for tensor in (rows.images, rows.labels, rows.layers["mask"]) for value in tensor.unique().tolist()}


def test_a_copy_of_a_step_has_tensors_of_its_own_which_can_be_overwritten() -> None:
    feeds = {"b": Rows(**rows(2))}
    step = Step(**rows(1), index=5, images_seen=40, draws=draws(0), feeds=feeds, shared={"fake": torch.ones(1)})
    copy = copy_step(step)
    assert (copy.index, copy.images_seen, copy.shared) == (5, 40, {})
    copy_rows(copy, Rows(**rows(7)))
    copy_rows(copy["b"], Rows(**rows(8)))
    assert (values_in(copy), values_in(copy["b"])) == ({7}, {8})
    assert (values_in(step), values_in(step["b"])) == ({1}, {2})


def test_without_a_gpu_it_is_refused_before_the_long_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"CUDA GPU.* cpu\b.*--capture") as error:
        train_tiny("vae", simple_pictures(), tmp_path / "run", capture=True, device="cpu")
    assert error.value.exit_code == 2
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("precision", "words"), [("fp16", "--precision bf16"), ("fp32", "dropout")])
def test_a_training_that_a_graph_cannot_repeat_is_refused(precision: str, words: str) -> None:
    model = torch.nn.Sequential(torch.nn.Dropout(0.5))
    with pytest.raises(ConfigError, match=words):
        check_capture(model, precision, torch.device("cuda"))


@needs_cuda
@pytest.mark.parametrize("name", ["dcgan", "cgan", "vae", "vae_gan", "infogan"])
def test_captured_steps_give_the_weights_of_uncaptured_ones(name: str) -> None:
    device = torch.device("cuda", 0)
    results = []
    for capture in (False, True):
        model = tiny_model(name)
        devices.prepare_model(model, device)
        engine = Engine(model, plan(capture=capture, ema_half_life=100), device)
        for index in range(12):
            engine.step(batches_of(name, seed=index), index, index * BATCH)
        results.append((model.state_dict(), engine.losses()))
    (weights, losses), (captured_weights, captured_losses) = results
    for key, value in weights.items():
        torch.testing.assert_close(captured_weights[key], value, atol=1e-5, rtol=1e-4, msg=key)
    assert captured_losses == pytest.approx(losses, rel=1e-3)
