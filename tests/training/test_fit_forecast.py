"""A fit in closed form planned before it: its memory is counted from sizes and measured on a share, as its time."""

from __future__ import annotations

import ctypes
import dataclasses
import gc
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import Messages, tiny_images, tiny_model, tiny_options

import imagewright as iw
from imagewright import catalogue, configs
from imagewright.errors import ConfigError, DataError
from imagewright.images.float_stream import FloatStream
from imagewright.model import Model
from imagewright.statistics import spectra
from imagewright.training import device as devices
from imagewright.training import fit_forecast, fit_memory
from imagewright.training.fit_forecast import forecast_fit
from imagewright.training.fit_memory import check_fit

CLOSED_FORM = [name for name in catalogue.entries() if catalogue.model_class(name).is_closed_form()]
M_MMAP_THRESHOLD = -3  # of glibc's mallopt
MANY = 230  # pictures of 8x8, of which two shares of 97 and 194 are fitted


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_forecast, "FEWEST", 40)
    monkeypatch.setattr(fit_forecast, "A_COMPONENT", 0)
    monkeypatch.setattr(fit_forecast, "FEW", 10)
    monkeypatch.setattr(fit_forecast, "TIMED", 0.0)


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


def noise(count: int, side: int) -> iw.Images:
    """Labelled pictures, prepared."""
    pictures = np.random.default_rng(0).integers(0, 256, (count, 3, side, side), np.uint8)
    return iw.open_images(pictures).with_labels(np.arange(count) % 4, tuple("abcd")).prepare()


def model_for(name: str, images: iw.Images, **options: Any) -> Model:
    config_class = catalogue.model_class(name).Config
    values: dict[str, Any] = {"size": images.size, "channels": 3, **options}
    if issubclass(config_class, configs.LabelledConfig):
        values["class_names"] = images.class_names
    return catalogue.model_class(name)(configs.build(config_class, values, name))


@pytest.fixture
def freed_at_once() -> Iterator[None]:
    """The memory of large arrays goes back to the system when they are freed: the peak is that of the arrays."""
    library = ctypes.CDLL(None)
    if not Path("/proc/self/clear_refs").exists() or not hasattr(library, "malloc_trim"):
        pytest.skip("the system does not tell the peak of memory")
    library.mallopt(M_MMAP_THRESHOLD, 2**17)
    gc.collect()
    library.malloc_trim(0)  # what earlier tests left free would be used again, and not be seen
    yield
    library.mallopt(M_MMAP_THRESHOLD, 2**25)  # the library's own for a process that had large arrays


def added_memory(work: Callable[[], Any]) -> int:
    """Bytes by which the process grows at the peak of some work."""
    before = devices.present_memory()
    devices.forget_peak(devices.CPU)
    work()
    return devices.peak_memory(devices.CPU) - before


@pytest.mark.learning  # what a process takes depends on what ran in it before
@pytest.mark.usefixtures("freed_at_once")
@pytest.mark.parametrize(
    ("name", "side", "gram_numbers", "options"),
    [
        ("pca", 32, spectra.GRAM_NUMBERS, {}),
        ("lda", 32, 0, {}),  # by the iteration
        ("kde", 32, 0, {"encoder": "pixels"}),
        ("naive_bayes", 32, 0, {}),
        ("gda", 16, 0, {"encoder": "pixels"}),
    ],
)
def test_the_memory_that_is_counted_is_what_a_fit_takes(
    name: str, side: int, gram_numbers: int, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spectra, "GRAM_NUMBERS", gram_numbers)
    images = noise(300, side)
    model = model_for(name, images, **options)
    counted = model.fit_work(300)
    assert counted is not None
    with torch.inference_mode():
        model_for(name, images, **options).fit(FloatStream(images.subset(np.arange(300) < 40)))  # loads libraries
        taken = added_memory(lambda: model.fit(FloatStream(images)))
    assert counted.peak == pytest.approx(taken, rel=0.25)
    after = model.fit_work(300)
    assert after is not None
    assert after.peak == pytest.approx(taken, rel=0.25)


@pytest.mark.learning
@pytest.mark.usefixtures("few_are_many", "freed_at_once")
def test_the_memory_of_all_grows_from_that_of_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_forecast, "GRAM_IMAGES", 0)  # no model here has a spectrum
    images = noise(300, 32)
    model = model_for("kde", images, encoder="pixels")
    started = devices.present_memory()
    found = forecast_fit(model, images, print)
    assert found is not None
    assert found.pictures == 80
    with torch.inference_mode():
        taken = added_memory(lambda: model.fit(FloatStream(images)))
    assert found.memory - started == pytest.approx(taken, rel=0.25)


def test_components_for_a_share_of_the_variance_are_those_of_the_share_that_was_fitted(
    few_are_many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = np.repeat(np.repeat(many_pictures()[:, :, :2, :2], 4, 2), 4, 3)  # 12 directions in which they vary
    plan = iw.plan_training("pca", pictures, explained=0.99)
    assert "explained=0.99: of 194 pictures these are 12 components, and of all pictures may be more." in plan.notes
    monkeypatch.setattr(fit_forecast, "LONGEST", 0.0)
    plan = iw.plan_training("pca", pictures, explained=0.99)
    assert "explained=0.99: how many components these are is not known; 64 are counted." in plan.notes


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

    def seconds(model: Model, images: iw.Images, patience: float) -> float:
        fitted.append(len(images))
        work = model.fit_work(len(images))
        assert work is not None
        loading = 7.0 if len(fitted) == 1 else 0.0  # the first fit loads libraries, from a slow disk
        return loading + 0.5 + 1e-9 * work.operations

    monkeypatch.setattr(fit_forecast, "_seconds", seconds)
    plan = iw.plan_training("pca", many_pictures(), components=4)
    assert fitted == [97, 194, 10]
    whole = tiny_model("pca", (8, 8)).fit_work(MANY)
    assert whole is not None
    assert plan.seconds == pytest.approx(7.5 + 1e-9 * whole.operations)
    assert plan.pictures_measured == 194
    assert "measured by fits to 194 pictures and fewer" in repr(plan)


@pytest.mark.usefixtures("few_are_many")
def test_of_pictures_of_many_pixels_few_are_fitted_so_that_no_batch_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_forecast, "GRAM_IMAGES", 0)  # no model here has a spectrum
    monkeypatch.setattr(fit_forecast, "NUMBERS", 30 * 192)
    images = iw.open_images(many_pictures()).with_labels(np.arange(MANY) % 2, ("one", "other"))
    assert iw.plan_training("naive_bayes", images).pictures_measured == 60


@pytest.mark.usefixtures("few_are_many")
def test_of_slow_fits_one_share_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def seconds(model: Model, images: iw.Images, patience: float) -> float:
        if 0.1 * len(images) > patience:
            raise fit_forecast._TookLong
        return 0.1 * len(images)

    monkeypatch.setattr(fit_forecast, "_seconds", seconds)
    plan = iw.plan_training("pca", many_pictures(), components=4)
    assert plan.pictures_measured == 97
    whole, share = (tiny_model("pca", (8, 8)).fit_work(count) for count in (MANY, 97))
    assert whole is not None
    assert share is not None
    assert plan.seconds == pytest.approx(9.7 * whole.operations / share.operations)
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


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("pca", {}),
        ("pca", {"components": 4000}),
        ("kde", {"encoder": "pixels", "components": None}),
        ("naive_bayes", {}),
    ],
)
def test_a_fit_that_cannot_fit_is_refused_with_what_can(
    name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model_class, config = catalogue.model_class(name), tiny_model(name).config
    config = dataclasses.replace(config, size=(256, 256), **options)
    monkeypatch.setattr(fit_memory, "memory_of_rank", lambda _: 2**31 if "components" in options else 2**29)
    with pytest.raises(ConfigError, match=r"5,000 pictures of 256x256 needs about .* GiB.*What fits: --size") as raised:
        check_fit(model_class, config, 5_000)
    advice = str(raised.value).partition("What fits: ")[2]
    found = dict(re.findall(r"--(size|components) (\d+)", advice))
    check_fit(model_class, dataclasses.replace(config, size=(int(found["size"]),) * 2), 5_000)
    for fewer in re.findall(r"or ([\d,]+) pictures at this size", advice):
        check_fit(model_class, config, int(fewer.replace(",", "")))
    assert ("components" in found) == bool(options.get("components"))
    if "components" in found:
        check_fit(model_class, dataclasses.replace(config, components=int(found["components"])), 5_000)
    assert ("--encoder pca" in advice) == ("encoder" in options)
    if "encoder" in options:
        check_fit(model_class, dataclasses.replace(config, encoder="pca"), 5_000)


def test_a_refused_fit_leaves_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_memory, "memory_of_rank", lambda _: 2**12)
    for call in (iw.plan_training, iw.train):
        out = {"out": tmp_path / "run"} if call is iw.train else {}
        with pytest.raises(ConfigError, match="GiB of memory"):
            call("pca", tiny_images("pca"), **out, **tiny_options("pca"))
    assert not (tmp_path / "run").exists()
