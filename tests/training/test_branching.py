"""A branch, `--from RUN@N`: the options and weights of a run at a checkpoint, what may change, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import BATCH, Messages, simple_pictures, tiny_images, train_tiny

import imagewright as iw
from imagewright.errors import ConfigError, RunError
from imagewright.recipe import Average
from imagewright.runs.weights import read_tensors
from imagewright.training.averaging import weight_of_step

AT = 6 * BATCH  # images seen, where the branches start
STILL = {"learning_rate": 1e-12, "images_seen": BATCH}


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> iw.Run:
    """A run with an average that differs from the trained weights, and all its checkpoints."""
    options = {"steps": 12, "seed": 5, "checkpoint_every": AT, "keep_checkpoints": 9}
    return train_tiny("dcgan", simple_pictures(), tmp_path_factory.mktemp("parent") / "run", **options)


def branch(parent: iw.Run, out: Path, point: object = AT, **options: Any) -> iw.Run:
    start = f"{parent.path}@{point}"
    return iw.train("dcgan", options.pop("images", simple_pictures()), out, start=start, **{**STILL, **options})


def test_a_branch_has_the_options_the_averages_and_the_trained_weights_of_a_checkpoint(
    parent: iw.Run, tmp_path: Path
) -> None:
    told = Messages()
    run = branch(parent, tmp_path / "run", reporter=told, ema_half_life=10**9)
    for name in ("width", "latent_dim", "size"):
        assert run.record["config"][name] == parent.record["config"][name]
    assert run.record["seed"] == 5
    assert run.record["started_from"]["images_seen"] == AT
    assert run.record["started_from"]["run"] == str(parent.path)
    former = parent.checkpoint_at(AT)
    assert run.record["started_from"]["source"] == str(former.weights)
    averages, trained = read_tensors(former.weights)[0], read_tensors(former.state)[0]
    now, now_trained = read_tensors(run.latest()[0].weights)[0], read_tensors(run.latest()[0].state)[0]
    weight = weight_of_step(AT + BATCH, BATCH, Average(half_life=10**9))  # the ramp of the half-life goes on
    weights = [name for name in averages if name.startswith("generator.") and name.endswith("weight")]
    assert weights
    for name in weights:
        torch.testing.assert_close(now_trained[f"trained.{name}"], trained[f"trained.{name}"], atol=1e-6, rtol=0)
        assert not torch.equal(averages[name], trained[f"trained.{name}"])
        expected = torch.lerp(averages[name], trained[f"trained.{name}"], weight)
        torch.testing.assert_close(now[name], expected, atol=1e-6, rtol=0)
    assert any("a branch of" in text and f"at {AT} images" in text for text in told.texts)


def test_a_branch_of_an_older_run_has_its_options_under_their_present_names(tmp_path: Path) -> None:
    first = train_tiny(
        "cgan", out=tmp_path / "first", steps=1, discriminator_conditioning="embedding", ema_half_life=77
    )
    record = first.record
    record["config"]["told"] = record["config"].pop("discriminator_conditioning")
    record["options"]["average_half_life"] = record["options"].pop("ema_half_life")
    first.rewrite(record)
    run = iw.train("cgan", tiny_images("cgan"), tmp_path / "run", start=f"{first.path}@latest", **STILL)
    assert run.record["config"]["discriminator_conditioning"] == "embedding"
    assert run.record["options"]["ema_half_life"] == 77


def test_a_branch_names_a_checkpoint_that_is_kept(parent: iw.Run, tmp_path: Path) -> None:
    latest = branch(parent, tmp_path / "latest", "latest")
    assert latest.record["options"]["start"] == f"{parent.path}@{2 * AT}"
    again = branch(parent, latest.path, "latest", resume=True, images_seen=2 * BATCH)  # resumed as it was typed
    assert again.latest()[0].images_seen == 2 * BATCH
    with pytest.raises(RunError, match=r"no checkpoint at 17 .*@48, @96"):
        branch(parent, tmp_path / "run", 17)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "named"), [({"latent_dim": 5}, "latent_dim=5"), ({"size": 32}, r"size=\(32, 32\)")]
)
def test_what_cannot_change_is_refused_by_its_name(
    parent: iw.Run, tmp_path: Path, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=rf"{named} \(there .*--from {parent.path}, which"):
        branch(parent, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_another_model_is_refused(parent: iw.Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is a run of dcgan, .*train dcgan"):
        train_tiny("vae", simple_pictures(), tmp_path / "run", start=f"{parent.path}@latest")


def test_other_pictures_of_another_size_are_read_at_the_size_of_the_run(parent: iw.Run, tmp_path: Path) -> None:
    run = branch(parent, tmp_path / "run", images=simple_pictures(size=(40, 40), seed=3))
    assert run.record["config"]["size"] == [16, 16]
    assert run.record["source"]["fingerprint"] != parent.record["source"]["fingerprint"]


def test_another_number_of_classes_is_told(tmp_path: Path) -> None:
    first = train_tiny("cgan", out=tmp_path / "first", steps=1)
    three = iw.open_images(simple_pictures()).with_labels(np.arange(32) % 3, ("one", "other", "third"))
    told = Messages()
    run = iw.train("cgan", three, tmp_path / "run", start=f"{first.path}@latest", reporter=told, **STILL)
    assert any("classes differ: 3 here, 2 in" in text for text in told.texts)
    assert run.record["started_from"]["wrong_shape"]
