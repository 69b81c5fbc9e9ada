"""The memory and the time of a fit in closed form, before it: counted from sizes, and measured on a few pictures.

A copy of the model is fitted to two shares of the pictures. The time grows from the first to the second, and from there
as the operations that the model counts (`Model.fit_work`); the memory of the second, and the growth of the arrays that
are counted, make the memory of all. Of a small set all pictures are the share. If the first
takes long, the second is left out, and if it would take very long, both: memory and time are then counted alone.
"""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np
import torch

from imagewright import distributed
from imagewright.configs import Config
from imagewright.errors import ConfigError, ImagewrightError, count_text
from imagewright.fit_work import FitWork
from imagewright.images import Images
from imagewright.images.float_stream import FloatStream
from imagewright.machine import memory_of_rank, shared_memory_words
from imagewright.memoryless import without_memory
from imagewright.model import Model
from imagewright.pixels import size_text
from imagewright.statistics.spectra import GRAM_IMAGES, GRAM_NUMBERS
from imagewright.training import device as devices
from imagewright.training.closed_form import fit_over_ranks
from imagewright.training.planning import round_down
from imagewright.training.previews import choose_inputs
from imagewright.verbs.apply import decode, reconstruct

FEWEST = 600  # pictures of the first share: enough for as many components as are usual
WARM_UP = 64  # pictures of a fit before it, which loads libraries
LONGEST = 10.0  # seconds that the fit to the second share may take, as it is expected
PATIENCE = 60.0  # seconds after which a fit to a share is given up
SQUARE, TIMED = 512, 0.3  # the side of the product of matrices by which operations are timed, and for how many seconds
CPU = torch.device("cpu")


class _TookLong(ImagewrightError):
    """A fit to a share of the pictures took longer than it is worth."""


@dataclass(frozen=True)
class FitForecast:
    """What a fit will take on this rank.

    memory: bytes at the peak of the process.
    seconds: of the fit.
    pictures: of the larger share that was fitted; 0 if all is counted from sizes.
    """

    memory: int
    seconds: float
    pictures: int


def check_fit(model_class: type[Model], config: Config, count: int) -> None:
    """Raise `ConfigError` for a fit whose arrays do not fit in memory, with a size and a number of pictures that do.

    model_class: of any model; one that is trained by steps is not checked.
    count: pictures. Nothing is allocated.
    """
    if not model_class.is_closed_form():
        return
    available = memory_of_rank(CPU)
    needed = _peak(model_class, config, count)
    if needed is None or needed <= available:
        return
    advice = []
    if (size := _size_that_fits(model_class, config, count, available)) is not None:
        advice.append(f"--size {size[0] if size[0] == size[1] else size_text(size)}")
    if (fewer := _count_that_fits(model_class, config, count, available)) is not None:
        advice.append(f"{fewer:,} pictures at this size")
    if getattr(config, "components", None) is not None:
        advice.append("fewer --components")
    if getattr(config, "encoder", None) == "pixels":
        advice.append("--encoder pca")
    raise ConfigError(
        f"The fit to {count_text(count, 'picture')} of {size_text(config.size)} needs about {needed / 2**30:,.1f} GiB "
        f"of memory, and there are {available / 2**30:,.1f} GiB{shared_memory_words(CPU)}. What fits: "
        f"{', or '.join(advice) or 'a lower --size'}."
    )


def _peak(model_class: type[Model], config: Config, count: int) -> float | None:
    """Bytes of the arrays of a fit; None if they are not counted, or if the fit itself will refuse the options."""
    try:
        with without_memory():
            work = model_class(config).fit_work(count)
    except ImagewrightError:
        return None
    return None if work is None else work.peak


def _size_that_fits(model_class: type[Model], config: Config, count: int, available: int) -> tuple[int, int] | None:
    """The largest size, in steps of a quarter, whose fit takes no more than the memory; None if none does."""
    height, width = config.size
    scale = 1.0
    while min(height, width) * scale > 8:
        scale *= 0.75
        size = config.nearest_size(round(height * scale), round(width * scale))
        needed = _peak(model_class, dataclasses.replace(config, size=size), count)
        if needed is not None and needed <= available:
            return size
    return None


def _count_that_fits(model_class: type[Model], config: Config, count: int, available: int) -> int | None:
    """About the largest number of pictures whose fit takes no more than the memory; None if no number does."""
    fewer = count
    while fewer > 2:
        fewer = int(fewer * 0.9)
        needed = _peak(model_class, config, fewer)
        if needed is not None and needed <= available:
            return round_down(fewer)
    return None


def forecast_fit(model: Model, images: Images) -> FitForecast | None:
    """The memory and the time of a fit. With several ranks all call it. None for a model that counts no work.

    model: of the right configuration, not fitted.
    images: prepared.

    Raises what the fit raises for these options and this number of pictures.
    """
    count = len(images)
    whole = model.fit_work(count)
    if whole is None:
        return None
    started = devices.present_memory()
    rate = _on_main(_operations_a_second())
    first, second = _shares(images)
    # A share may have too few pictures for the options, as for the number of components: what is counted must then do.
    with suppress(ImagewrightError if second < count else _TookLong):
        if model.fit_work(second).operations <= rate * LONGEST:  # type: ignore[union-attr]
            return _measure(model, images, whole, first, second)
    return FitForecast(started + int(whole.peak), _on_main(whole.operations / rate), 0)


def _shares(images: Images) -> tuple[int, int]:
    """The pictures of both shares: more than the fit treats otherwise because they are few, or all of them."""
    pixels = images.channels * images.height * images.width
    least = max(FEWEST, min(GRAM_IMAGES, pixels // 2, GRAM_NUMBERS // pixels) + 1)
    return (least, 2 * least) if len(images) > 2 * least else (len(images), len(images))


def _measure(model: Model, images: Images, whole: FitWork, first: int, second: int) -> FitForecast:
    """By fits to the first share and, unless that took long, to the second. `_TookLong` if one takes very long."""
    loading, longer, fitted = 0.0, None, first
    with _peak_of_its_own():
        if first < second:
            with suppress(ImagewrightError):  # so few pictures may be too few
                loading = _seconds(model, _some(images, WARM_UP))
        shorter = _on_main(_seconds(model, _some(images, first)))
        if first < second and 2 * shorter <= LONGEST:
            longer, fitted = _on_main(_seconds(model, _some(images, second))), second
        memory = devices.peak_memory(CPU)
    of_first, of_fitted = model.fit_work(first), model.fit_work(fitted)
    assert of_first is not None
    assert of_fitted is not None
    memory += max(0, int(whole.peak - of_fitted.peak))
    if longer is None:
        seconds = shorter * whole.operations / max(1.0, of_first.operations)
    else:
        growth = (whole.operations - of_fitted.operations) / max(1.0, of_fitted.operations - of_first.operations)
        seconds = longer + max(0.0, longer - shorter) * growth
    return FitForecast(memory, _on_main(loading + seconds if fitted < len(images) else shorter), fitted)


def _some(images: Images, count: int) -> Images:
    """So many of the pictures, spread evenly over the set, as classes may follow one another in it."""
    if count >= len(images):
        return images
    kept = np.zeros(len(images), bool)
    kept[np.linspace(0, len(images) - 1, count).round().astype(np.int64)] = True
    return images.subset(kept)


def _seconds(model: Model, images: Images) -> float:
    """Fit a copy, and make a preview of it as the training does. Returns the seconds of the fit."""
    fitted = copy.deepcopy(model)
    started = time.monotonic()

    def check_time(_: int) -> None:
        if time.monotonic() - started > PATIENCE:
            raise _TookLong

    fit_over_ranks(fitted, FloatStream(images, check_time))
    seconds = time.monotonic() - started
    if distributed.is_main():
        inputs = choose_inputs(fitted, {"images": images}, 0, np.empty(0, np.int64))
        if isinstance(inputs, torch.Tensor):
            (reconstruct if inputs.dtype == torch.uint8 else decode)(fitted, inputs)
    return seconds


@contextmanager
def _peak_of_its_own() -> Iterator[None]:
    """Within the block the peak of memory and torch's random numbers are as if nothing had been before."""
    with torch.random.fork_rng([]):
        devices.forget_peak(CPU)
        yield


def _operations_a_second() -> float:
    """Of products of matrices in double precision, with whatever else the machine does now."""
    matrix = torch.ones(SQUARE, SQUARE, dtype=torch.float64)
    started, products = time.monotonic(), 0
    while (seconds := time.monotonic() - started) < TIMED or not products:
        matrix @ matrix
        products += 1
    return 2 * SQUARE**3 * products / seconds


def _on_main(number: float) -> float:
    """The main rank's number, so that all ranks decide alike."""
    return float(distributed.broadcast_from_main(torch.tensor([number], dtype=torch.float64)))
