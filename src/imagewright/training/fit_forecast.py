"""The memory and the time of a fit in closed form, before it: counted from sizes, and measured on a few pictures.

A copy of the model is fitted to two shares of the pictures. The time grows from the first to the second, and from there
as the operations that the model counts (`Model.fit_work`); so does the memory, by the arrays that are counted. Of a
small set all pictures are the share. If the first takes long, the second is left out, and if it would take very long,
both: memory and time are then counted alone.
"""

from __future__ import annotations

import copy
import dataclasses
import time
from contextlib import suppress
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
from imagewright.shared_work import sharing_work, wait_for_all, working_alone
from imagewright.statistics.spectra import GRAM_IMAGES, GRAM_NUMBERS
from imagewright.training import device as devices
from imagewright.training.planning import round_down
from imagewright.training.previews import choose_inputs
from imagewright.verbs.apply import decode, reconstruct

FEWEST = 600  # pictures of the first share: enough for as many components as are usual
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


def fit_over_ranks(model: Model, stream: FloatStream) -> None:
    """Fit a model, with the passes shared by the ranks if it says so; else on the main rank alone."""
    with sharing_work(), torch.inference_mode():
        if type(model).sums_over_ranks:
            model.fit(stream)
        elif distributed.is_main():
            with working_alone():
                model.fit(stream)
        wait_for_all()


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
    """By fits to the first share and, unless that took long, to both again. `_TookLong` if one takes very long.

    The first fit loads libraries, and its memory is that of a new process: what the encoder of a model held is free
    again when the library of the next stage is loaded. The others tell how time and memory grow.
    """
    with torch.random.fork_rng([]):
        cold, memory = _fit(model, _some(images, first))
        if first == second:
            return FitForecast(memory, cold, first)
        of_first = model.fit_work(first)
        assert of_first is not None
        if 3 * cold > 2 * LONGEST:
            memory += max(0, int(whole.peak - of_first.peak))
            return FitForecast(memory, cold * whole.operations / max(1.0, of_first.operations), first)
        shorter, of_shorter = _fit(model, _some(images, first))
        longer, of_longer = _fit(model, _some(images, second))
    of_second = model.fit_work(second)
    assert of_second is not None
    growth = (whole.operations - of_second.operations) / max(1.0, of_second.operations - of_first.operations)
    seconds = max(0.0, cold - shorter) + longer + max(0.0, longer - shorter) * growth
    memory += max(0, of_longer - of_shorter) + max(0, int(whole.peak - of_second.peak))
    return FitForecast(memory, seconds, second)


def _some(images: Images, count: int) -> Images:
    """So many of the pictures, spread evenly over the set, as classes may follow one another in it."""
    if count >= len(images):
        return images
    kept = np.zeros(len(images), bool)
    kept[np.linspace(0, len(images) - 1, count).round().astype(np.int64)] = True
    return images.subset(kept)


def _fit(model: Model, images: Images) -> tuple[float, int]:
    """Fit a copy, and make a preview of it as the training does. The seconds of the fit, and the bytes at the peak."""
    devices.forget_peak(CPU)
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
    return _on_main(seconds), devices.peak_memory(CPU)


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
