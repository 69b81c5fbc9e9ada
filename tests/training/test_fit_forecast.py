"""A fit in closed form planned before it: its memory is counted from sizes and measured on a share, as its time."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import Messages, tiny_images, tiny_model, tiny_options

import imagewright as iw
from imagewright import catalogue
from imagewright.errors import ConfigError, DataError
from imagewright.images.float_stream import FloatStream
from imagewright.training import fit_forecast
from imagewright.training.fit_forecast import check_fit

CLOSED_FORM = [name for name in catalogue.entries() if catalogue.model_class(name).is_closed_form()]
MANY = 230  # pictures of 8x8, of which two shares of 97 and 194 are fitted


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_forecast, "FEWEST", 40)
    monkeypatch.setattr(fit_forecast, "WARM_UP", 10)


def many_pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (MANY, 3, 8, 8), np.uint8)


@pytest.mark.parametrize("name", CLOSED_FORM)
def test_every_fit_counts_its_work(name: str) -> None:
    """More than the fitted numbers themselves, and never less for more pictures of one way of fitting."""
    model, images = tiny_model(name), tiny_images(name).prepare()
    with torch.inference_mode():
        model.fit(FloatStream(images))
    work = model.fit_work(len(images))
    assert work is not None
    if name == "jpeg":
        assert work.peak == work.operations == 0  # nothing is fitted
        return
    fitted = sum(each.nbytes for each in model.buffers())
    assert work.peak >= fitted - 64  # but for a few single numbers
    more, most = model.fit_work(5_000), model.fit_work(50_000)
    assert more is not None
    assert most is not None
    assert most.peak >= more.peak
    assert most.operations > more.operations


def test_a_plan_has_the_memory_and_the_time_of_the_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan = iw.plan_training("pca", many_pictures()[:60], components=4)
    assert list(tmp_path.iterdir()) == []  # no run
    run = iw.train("pca", many_pictures()[:60], tmp_path / "run", reporter=Messages(), components=4)
    assert plan.memory_bytes == pytest.approx(run.last_report()["memory_bytes"], rel=0.2)  # type: ignore[index]
    assert plan.pictures_measured == 60
    assert plan.seconds is not None
    assert "measured by a fit to all pictures" in repr(plan)
    assert "GiB of the" in repr(plan)
    assert plan.to_dict()["memory_bytes"] == plan.memory_bytes


@pytest.mark.usefixtures("few_are_many")
def test_the_time_of_all_grows_from_that_of_two_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = []

    def seconds(model: object, images: iw.Images) -> float:
        fitted.append(len(images))
        return 3.0 + 0.01 * len(images)

    monkeypatch.setattr(fit_forecast, "_seconds", seconds)
    plan = iw.plan_training("pca", many_pictures(), components=4)
    assert fitted == [10, 97, 194]
    assert plan.seconds == pytest.approx(3.1 + 3.0 + 0.01 * MANY)  # the first fit loads libraries
    assert plan.pictures_measured == 194
    assert "measured by fits to 194 pictures and fewer" in repr(plan)


@pytest.mark.usefixtures("few_are_many")
def test_of_slow_fits_one_share_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_forecast, "_seconds", lambda model, images: 0.1 * len(images))
    plan = iw.plan_training("pca", many_pictures(), components=4)
    assert plan.pictures_measured == 97
    whole, share = (tiny_model("pca", (8, 8)).fit_work(count) for count in (MANY, 97))
    assert whole is not None
    assert share is not None
    assert plan.seconds == pytest.approx(1.0 + 9.7 * whole.operations / share.operations)
    monkeypatch.undo()
    monkeypatch.setattr(fit_forecast, "PATIENCE", -1.0)
    assert iw.plan_training("pca", many_pictures(), components=4).pictures_measured == 0


@pytest.mark.usefixtures("few_are_many")
def test_labels_one_after_the_other_are_in_each_share() -> None:
    images = iw.open_images(many_pictures(), size=8).with_labels(np.arange(MANY) // 116, ("first", "second"))
    plan = iw.plan_training("gda", images, components=4)
    assert plan.pictures_measured == 194


@pytest.mark.usefixtures("few_are_many")
def test_what_the_fit_refuses_the_plan_refuses() -> None:
    with pytest.raises(ConfigError, match="--components 193, but 230 pictures of 192 pixel values have at most 192"):
        iw.plan_training("pca", many_pictures(), components=193)
    with pytest.raises(DataError, match="All pictures are equal"):
        iw.plan_training("pca", np.zeros((20, 3, 8, 8), np.uint8))
    plan = iw.plan_training("pca", many_pictures()[:, :, :4, :], components=96)  # more than a share of 49 has
    assert plan.seconds is not None


def test_a_fit_that_takes_long_is_counted_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_forecast, "LONGEST", 0.0)
    plan = iw.plan_training("pca", many_pictures(), components=4)
    assert plan.pictures_measured == 0
    assert (plan.memory_bytes or 0) > fit_forecast.devices.present_memory() / 2
    assert plan.seconds is not None
    assert "not measured" in repr(plan)


@pytest.mark.parametrize(("name", "options"), [("pca", {}), ("kde", {"encoder": "pixels"}), ("naive_bayes", {})])
def test_a_fit_that_cannot_fit_is_refused_with_what_can(
    name: str, options: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_class, config = catalogue.model_class(name), tiny_model(name).config
    if options:
        config = dataclasses.replace(config, encoder="pixels", components=None)
    config = dataclasses.replace(config, size=(256, 256))
    monkeypatch.setattr(fit_forecast, "memory_of_rank", lambda _: 2**29)
    with pytest.raises(ConfigError, match=r"5,000 pictures of 256x256 needs about .* GiB.*What fits: --size") as raised:
        check_fit(model_class, config, 5_000)
    side = int(re.findall(r"--size (\d+)", str(raised.value))[0])
    check_fit(model_class, dataclasses.replace(config, size=(side, side)), 5_000)
    for fewer in re.findall(r"or ([\d,]+) pictures at this size", str(raised.value)):
        check_fit(model_class, config, int(fewer.replace(",", "")))


def test_a_refused_fit_leaves_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_forecast, "memory_of_rank", lambda _: 2**12)
    for call in (iw.plan_training, iw.train):
        out = {"out": tmp_path / "run"} if call is iw.train else {}
        with pytest.raises(ConfigError, match="GiB of memory"):
            call("pca", tiny_images("pca"), **out, **tiny_options("pca"))
    assert not (tmp_path / "run").exists()
