"""What is measured before a training: its length, its precision; and that measuring changes nothing else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import (
    BATCH,
    Messages,
    parameters,
    plan,
    simple_pictures,
    tiny_images,
    tiny_model,
    tiny_options,
    train_tiny,
    trained_by_phases,
)

import imagewright as iw
from imagewright import catalogue
from imagewright.errors import ConfigError, RunError
from imagewright.runs.following import RunFollower
from imagewright.training import device as devices
from imagewright.training import planning, timing, trial
from imagewright.training.options import TrainingOptions
from imagewright.training.planning import choose_precision, describe_end, images_in
from imagewright.training.trial import Trial, run_trial

TRAINED = trained_by_phases()
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def quick_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials of a few steps, and no training that ends early because this machine is slow."""
    monkeypatch.setattr(trial, "SECONDS", 0.01)
    monkeypatch.setattr(timing, "GRACE", 1e9)


def give_trial(monkeypatch: pytest.MonkeyPatch, found: Trial | None) -> None:
    """Let every training find this in its trial."""
    monkeypatch.setattr(planning, "run_trial", lambda *_, **__: found)


def rates(fp32: float, bf16: float | None = None) -> Trial:
    both = {"fp32": fp32} | ({} if bf16 is None else {"bf16": bf16})
    return Trial(both, {name: rate / fp32 for name, rate in both.items()})


def train(name: str, out: Path, **options: Any) -> tuple[iw.Run, list[str]]:
    """A training of a tiny model without a length of its own, and its messages."""
    reporter = Messages()
    options = tiny_options(name) | {"batch_size": BATCH, "device": "cpu"} | options
    return iw.train(name, tiny_images(name), out, reporter=reporter, **options), reporter.texts


# Length


def test_the_images_are_those_that_there_is_time_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_trial(monkeypatch, rates(100.0))
    run, texts = train("autoencoder", tmp_path / "run", minutes=0.05)
    images = run.record["plan"]["images_seen"]
    assert 0.85 * 100 * 60 * 0.05 <= images <= 100 * 60 * 0.05
    assert run.record["options"]["minutes"] == 0.05
    (line,) = (text for text in texts if "--minutes, --images-seen" in text)
    assert f"0.05 minutes at 100 images a second: {images:,} images, until about" in line
    assert run.checkpoints()[-1].images_seen >= images


def test_without_a_length_the_recipe_ends_a_fast_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_trial(monkeypatch, rates(1e9))
    monkeypatch.setattr(
        catalogue.model_class("autoencoder"), "recipe", lambda self, images_seen=0: iw_recipe(images_seen=64)
    )
    run, texts = train("autoencoder", tmp_path / "run")
    assert run.record["plan"]["images_seen"] == 64
    assert "64 images, as recommended" in next(text for text in texts if "--minutes" in text)


def iw_recipe(**numbers: Any) -> Any:
    from imagewright.recipe import Recipe

    return Recipe(**numbers)


def test_minutes_and_images_seen_are_two_lengths(tmp_path: Path) -> None:
    for resume in (False, True):
        if resume:
            train_tiny("vae", simple_pictures(), tmp_path / "run")
        with pytest.raises(ConfigError, match=r"--minutes 1 and --images-seen 80 both"):
            train_tiny("vae", simple_pictures(), tmp_path / "run", images_seen=80, minutes=1, resume=resume)


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf"), "ten"])
def test_minutes_that_are_no_time_are_refused(minutes: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="minutes="):
        iw.train("vae", simple_pictures(), tmp_path / "run", minutes=minutes, reporter=Messages())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["vae", "dcgan"])
def test_a_measured_training_has_the_weights_of_one_whose_length_was_given(name: str, tmp_path: Path) -> None:
    measured, _ = train(name, tmp_path / "measured" / "run", minutes=0.005, precision="fp32")
    images = measured.record["plan"]["images_seen"]
    given, _ = train(name, tmp_path / "given" / "run", images_seen=images)
    last = [run.checkpoints()[-1] for run in (measured, given)]
    assert last[0].weights.read_bytes() == last[1].weights.read_bytes()
    assert last[0].images_seen == last[1].images_seen


def test_a_resumed_run_keeps_its_measured_length_and_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "has_bf16", lambda device: True)
    give_trial(monkeypatch, rates(100.0, 200.0))
    options = {"minutes": 0.02, "precision": "auto"}
    whole, _ = train("vae", tmp_path / "whole" / "run", **options)
    assert (whole.record["plan"]["images_seen"], whole.record["options"]["precision"]) == (208, "bf16")
    stop = iw.StopRequest()
    with pytest.raises(iw.Stopped):
        train("vae", tmp_path / "run", stop=stop, observers=[StopAt(stop, 10 * BATCH)], **options)
    give_trial(monkeypatch, None)  # it would fail
    resumed, _ = train("vae", tmp_path / "run", resume=True, **options)
    assert resumed.record["plan"] == whole.record["plan"] | {"pace": resumed.record["plan"]["pace"]}
    last = [run.checkpoints()[-1] for run in (whole, resumed)]
    assert last[0].weights.read_bytes() == last[1].weights.read_bytes()


class StopAt(iw.Observer):
    """Asks for a stop at a point of the training."""

    def __init__(self, stop: iw.StopRequest, images_seen: int) -> None:
        self.stop, self.every = stop, images_seen

    def at(self, images_seen: int, report: Any) -> None:
        self.stop.asked = True


def test_other_minutes_make_a_resumed_run_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_trial(monkeypatch, rates(100.0))
    run, _ = train("autoencoder", tmp_path / "run", minutes=0.02)
    monkeypatch.setattr("imagewright.training.resume.seconds_in", lambda run: 1.0)
    assert run.checkpoints()[-1].images_seen == 12 * BATCH
    longer, _ = train("autoencoder", tmp_path / "run", minutes=0.035, resume=True)
    # In nine tenths of 1.1 seconds, at 96 images a second, there is time for 95 images, which are 11 whole steps.
    assert longer.record["plan"]["images_seen"] == longer.checkpoints()[-1].images_seen == (12 + 11) * BATCH
    scheduled = tmp_path / "scheduled"
    train("autoencoder", scheduled, minutes=0.02, schedule="cosine")
    with pytest.raises(RunError, match="schedule"):
        train("autoencoder", scheduled, minutes=0.04, schedule="cosine", resume=True)


# The clock


def test_a_training_ends_when_the_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_trial(monkeypatch, rates(1e6))  # far more than it can do
    monkeypatch.setattr(timing, "GRACE", 1.1)
    out = tmp_path / "run"
    run, texts = train("autoencoder", out, minutes=0.01)
    seen, planned = run.checkpoints()[-1].images_seen, run.record["plan"]["images_seen"]
    assert 0 < seen < planned
    assert any(f"{seen:,} of" in text and "--resume" in text for text in texts)
    assert (out / "samples" / f"{seen:09d}.png").exists()
    assert (out / "report.html").exists()
    assert iw.load(run) is not None
    follower = RunFollower(out)
    follower.refresh()
    assert follower.state.state == "time_over"  # not "stopped": nobody stopped it


def test_a_scheduled_training_is_not_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_trial(monkeypatch, rates(2000.0))
    monkeypatch.setattr(timing, "GRACE", 0.0)
    run, _ = train("autoencoder", tmp_path / "run", minutes=0.005, schedule="linear")
    assert run.checkpoints()[-1].images_seen >= run.record["plan"]["images_seen"]


def test_a_later_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_trial(monkeypatch, rates(1e6))
    for name, value in (("TELLING", 0.0), ("LATER", 0.0), ("GRACE", 1.1)):
        monkeypatch.setattr(timing, name, value)
    _, texts = train("autoencoder", tmp_path / "run", minutes=0.01, report_every=2 * BATCH)
    assert "slower than measured" in next(text for text in texts if "slower" in text)
    _, texts = train("autoencoder", tmp_path / "given", images_seen=4 * BATCH, report_every=BATCH)
    assert not [text for text in texts if "slower" in text], "nothing was measured, so that nothing was promised"


@pytest.mark.learning
def test_a_training_that_is_faster_than_measured_is_made_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_trial(monkeypatch, rates(10.0))  # far less than it can do
    monkeypatch.setattr(timing, "TELLING", 0.0)
    options = {"minutes": 0.05, "report_every": BATCH}
    run, texts = train("autoencoder", tmp_path / "run", **options)
    assert images_in(3, 10, BATCH) == 24 < run.record["plan"]["images_seen"] <= run.checkpoints()[-1].images_seen
    assert "steps are few" in " ".join(texts)
    faster = next(text for text in texts if "faster" in text)
    assert "faster than measured" in faster
    assert "steps, which are still few" in faster, "the number that was called few is replaced"
    resumed, texts = train("autoencoder", tmp_path / "run", resume=True, **options)
    assert any("trained on" in text for text in texts), "its new length is recorded"
    assert resumed.record["plan"] == run.record["plan"]
    _, texts = train("autoencoder", tmp_path / "scheduled", schedule="linear", **options)
    assert not [text for text in texts if "faster than" in text]


def test_the_end_has_its_day_if_it_is_another_one() -> None:
    assert describe_end(0) == time.strftime("%H:%M")
    assert time.strftime("%d %B", time.localtime(time.time() + 3 * 86_400)) in describe_end(3 * 86_400)


# Precision


@pytest.mark.parametrize(("bf16", "precision"), [(114.0, "fp32"), (116.0, "bf16"), (50.0, "fp32")])
def test_bf16_is_chosen_where_it_is_clearly_faster(bf16: float, precision: str) -> None:
    assert choose_precision(rates(100.0, bf16)) == precision


def test_the_precision_is_recorded_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "has_bf16", lambda device: True)
    give_trial(monkeypatch, rates(100.0, 180.0))
    run, texts = train("vae", tmp_path / "run", minutes=0.01)
    assert (run.record["options"]["precision"], run.record["plan"]["precision"]) == ("bf16", "bf16")
    assert "in bf16 (1.8 times as fast as fp32)" in next(text for text in texts if "--minutes" in text)


@pytest.mark.parametrize("case", ["the device", "the model", "the user"])
def test_precisions_that_are_not_to_be_used_are_not_tried(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "has_bf16", lambda device: case != "the device")
    if case == "the model":
        monkeypatch.setattr(catalogue.model_class("vae"), "precisions", ("fp32",))
    tried: list[list[str]] = []

    def note(*arguments: Any, **_: Any) -> Trial:
        tried.append(arguments[5])
        return rates(100.0)

    monkeypatch.setattr(planning, "run_trial", note)
    given = {"precision": "fp32"} if case == "the user" else {}
    run, _ = train("vae", tmp_path / "run", minutes=0.01, **given)
    assert tried == [["fp32"]]
    assert run.record["options"]["precision"] == "fp32"


def test_a_short_training_of_a_given_length_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "has_bf16", lambda device: True)

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("a trial")

    monkeypatch.setattr(planning, "run_trial", fail)
    run, _ = train("vae", tmp_path / "run", images_seen=4 * BATCH)
    assert run.record["options"]["precision"] == "fp32"


def test_a_longer_one_is_measured_only_if_it_takes_long() -> None:
    model, images = tiny_model("vae"), {"images": tiny_images("vae")}
    planned = plan(images_seen=100 * BATCH, micro_batch=None)
    nothing = np.empty(0, np.int64)
    assert run_trial(model, images, planned, nothing, CPU, ["fp32"], short_seconds=1e6) is None
    found = run_trial(model, images, planned, nothing, CPU, ["fp32"], short_seconds=0.0)
    assert found is not None
    assert found.rates["fp32"] > 0


@pytest.mark.parametrize("name", parameters(TRAINED))
def test_the_losses_of_every_model_agree_in_bf16(name: str) -> None:
    images = tiny_images(name)
    sources = images if isinstance(images, dict) else {"images": images}
    model = tiny_model(name)
    model.equip()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    random = torch.random.get_rng_state()
    found = run_trial(model, sources, plan(micro_batch=None), np.empty(0, np.int64), CPU, ["fp32", "bf16"])
    assert found is not None
    assert found.unsafe == (), f"{name} should say `precisions = ('fp32',)`"
    assert found.rates.keys() == {"fp32", "bf16"}
    assert torch.equal(torch.random.get_rng_state(), random)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not [key for key, parameter in model.named_parameters() if parameter.grad is not None]


def test_a_precision_with_other_losses_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("autoencoder")
    loss = model.reconstruction_loss

    def unsafe(step: Any) -> Any:
        factor = float("nan") if torch.is_autocast_enabled("cpu") else 1.0
        return {name: factor * term for name, term in loss(step).items()}

    monkeypatch.setattr(type(model), "reconstruction_loss", lambda self, step: unsafe(step))
    sources = {"images": tiny_images("autoencoder")}
    found = run_trial(model, sources, plan(micro_batch=None), np.empty(0, np.int64), CPU, ["fp32", "bf16"])
    assert found is not None
    assert found.unsafe == ("bf16",)
    assert found.rates.keys() == {"fp32"}


@pytest.mark.parametrize(
    ("batch", "rate", "few"), [(1, 60.0, True), (1, 200.0, False), (8, 200.0, True), (8, 400.0, False)]
)
def test_steps_of_one_image_have_to_be_more(
    batch: int, rate: float, few: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In half a minute: 1,600, 5,400, 5,400 and 10,000 images."""
    give_trial(monkeypatch, rates(rate))
    model, said = tiny_model("autoencoder", (16, 16)), []
    images = {"images": iw.open_images(simple_pictures(24, (16, 16)))}
    own = plan(images_seen=10**6, batch_size=batch, micro_batch=batch)
    planning.complete_plan(model, images, TrainingOptions(minutes=0.5), own, np.arange(0), CPU, said.append)
    assert any("few to learn from" in text for text in said) == few


@pytest.mark.parametrize(("size", "advice"), [(16, ""), (256, ", or a smaller --size: ")])
def test_few_steps_are_said_with_what_helps(
    size: int, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A smaller size is no advice if the size is the one that the tool would choose for this time."""
    give_trial(monkeypatch, rates(10.0))
    model = tiny_model("autoencoder", (size, size))
    images = {"images": iw.open_images(simple_pictures(24, (size, size)))}
    said: list[str] = []
    options = TrainingOptions(minutes=0.5)
    planning.complete_plan(model, images, options, plan(images_seen=10**6), np.arange(0), CPU, said.append)
    (line,) = (text for text in said if "few to learn from" in text)
    assert f"steps are few to learn from: give more --minutes{advice}" in line
    assert ("--size" in line) == bool(advice)
