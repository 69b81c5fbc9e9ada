"""Held-out pictures: training never uses them, they are the same after a resume, and older runs have none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny import BATCH, Messages, final_bytes, simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import ConfigError, RunError
from imagewright.training.data.sampling_order import NearbyOrder, ShuffledOrder
from imagewright.training.data.validation_split import OrderWithoutHeldOut, choose_held_out, default_count
from imagewright.training.reporting import Silent


def resume(run: Path, pictures: np.ndarray, **options: object) -> iw.Run:
    return iw.train("vae", pictures, run, resume=True, reporter=Silent(), **options)


@pytest.mark.parametrize("order", [ShuffledOrder, NearbyOrder])
def test_each_round_has_every_training_picture_once(order: type) -> None:
    held_out = choose_held_out(37, 700, seed=3)
    assert len(set(held_out.tolist())) == 37
    training_order = OrderWithoutHeldOut(order(700 - 37, 5), held_out)
    for number in range(3):
        images = training_order(np.arange(number * 663, (number + 1) * 663))
        assert sorted(images.tolist()) == sorted(set(range(700)) - set(held_out.tolist()))


def test_without_held_out_pictures_the_order_is_unchanged() -> None:
    positions = np.arange(500)
    order = OrderWithoutHeldOut(ShuffledOrder(200, 1), choose_held_out(None, 200, 0))
    np.testing.assert_array_equal(order(positions), ShuffledOrder(200, 1)(positions))


@pytest.mark.parametrize(("count", "held_out"), [(8, 0), (399, 0), (400, 16), (2_000, 40), (70_000, 256)])
def test_the_default_number_of_held_out_pictures(count: int, held_out: int) -> None:
    assert default_count(count) == held_out


def test_the_number_is_recorded_and_another_one_is_refused_on_resume(tmp_path: Path) -> None:
    small, large = simple_pictures(24, (8, 8)), simple_pictures(420, (8, 8))
    assert train_tiny("vae", small, tmp_path / "a", steps=1).record["options"]["held_out"] == 0
    run = train_tiny("vae", large, tmp_path / "b", steps=1)
    assert run.record["options"]["held_out"] == 16
    told = Messages()
    half = train_tiny("vae", small, tmp_path / "c", steps=1, held_out=20, reporter=told)
    assert half.record["options"]["held_out"] == 12
    assert "12 of 24 pictures are held out, and not 20: at most half can be" in told.texts
    with pytest.raises(RunError, match=r"held_out is 16\b.*\b0\b"):
        resume(run.path, large, held_out=0)
    assert resume(run.path, large, images_seen=2 * BATCH).record["options"]["held_out"] == 16
    with pytest.raises(ConfigError, match="held_out=-1"):
        train_tiny("vae", small, tmp_path / "d", steps=1, held_out=-1)


def test_a_run_of_a_version_without_held_out_pictures_is_resumed_with_all_pictures(tmp_path: Path) -> None:
    pictures = simple_pictures(420, (8, 8))
    whole = train_tiny("vae", pictures, tmp_path / "whole" / "run", steps=6, held_out=0)
    part = train_tiny("vae", pictures, tmp_path / "part" / "run", steps=3, held_out=0)
    record = json.loads((part.path / "run.json").read_text())
    del record["options"]["held_out"]  # as in runs of versions that did not have the option
    (part.path / "run.json").write_text(json.dumps(record))
    resumed = resume(part.path, pictures, images_seen=6 * BATCH)
    last, same = ({n: b for n, b in final_bytes(run).items() if "48.safetensors" in n} for run in (whole, resumed))
    assert last
    assert last == same


def test_resampling_never_samples_held_out_pictures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    used: list[int] = []
    original = iw.Images.batch

    def batch(self: iw.Images, indices: np.ndarray, views: object = None, seed: int = 0) -> object:
        if views is not None:  # in training
            used.extend(indices.tolist())
        return original(self, indices, views, seed)

    monkeypatch.setattr(iw.Images, "batch", batch)
    train_tiny("vae", simple_pictures(32, (8, 8)), tmp_path / "run", steps=12, held_out=8, resample="rare:1")
    assert set(used) == set(range(32)) - set(choose_held_out(8, 32, 0).tolist())
