"""The memory and the time of a fit in closed form, before it: counted from sizes, and measured on a few pictures.

A copy of the model is fitted to two shares of the pictures, of a small set to all. The memory of the first, in whose
fit libraries are loaded when the fit itself will load them, and the growth of the arrays that are counted make the
memory of all (`Model.fit_work`). The time grows with the operations that are counted, as it does from a few pictures to
the second share. Both are counted by what the last fit found, such as the passes of an iteration. A fit that is
expected to take long is left out; without any, memory and time are counted alone.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np
import torch

from imagewright import distributed
from imagewright.errors import ImagewrightError
from imagewright.fit_work import FitWork
from imagewright.images import Images
from imagewright.images.float_stream import FloatStream
from imagewright.model import Model
from imagewright.statistics.spectra import DEFAULT_COMPONENTS, GRAM_IMAGES, GRAM_NUMBERS
from imagewright.training import device as devices
from imagewright.training.closed_form import fit_over_ranks
from imagewright.training.previews import choose_inputs
from imagewright.training.reporting import Say, tell_if_slow
from imagewright.verbs.apply import decode, reconstruct

FEWEST = 600  # pictures of the first share, unless they have many pixels
NUMBERS = 2**26  # pixel values of the first share, unless more pictures are needed: a second or two a pass
A_COMPONENT = 2  # pictures of the first share for each component, at least
FEW = 64  # pictures of the last fit, which costs little else than what every fit does
LONGEST = 10.0  # seconds that the fit to a share may take, as it is expected
PATIENCE = 20.0  # seconds after which a fit to a share is given up, between batches: `NUMBERS` keeps these short
SQUARE, TIMED = 512, 0.3  # the side of the product of matrices by which operations are timed, and for how many seconds


class _TookLong(ImagewrightError):
    """A fit to a share of the pictures took longer than it is worth."""


@dataclass(frozen=True)
class FitForecast:
    """What a fit will take on this rank.

    memory: bytes at the peak of the process.
    seconds: of the fit.
    pictures: of the larger share that was fitted; 0 if all is counted from sizes.
    of: pictures of the whole set.
    components: that the fit to that share found for a share of the variance (`explained`); else None.
    """

    memory: int
    seconds: float
    pictures: int
    of: int
    components: int | None = None


@dataclass(frozen=True)
class _Fitted:
    """A fit to a share: its seconds, its work as counted, that of the fit to all, the components found."""

    pictures: int
    seconds: float
    work: FitWork
    whole: FitWork
    components: int | None


def forecast_fit(model: Model, images: Images, say: Say) -> FitForecast | None:
    """The memory and the time of a fit. With several ranks all call it. None for a model that counts no work.

    model: of the right configuration, not fitted.
    images: prepared.
    say: called with what is being measured, if that takes some seconds.

    Raises what the fit raises for these options and this number of pictures.
    """
    count = len(images)
    whole = model.fit_work(count)
    if whole is None:
        return None
    started = devices.present_memory()
    rate = _on_main(_operations_a_second())
    first, second = _shares(model, images)
    # A share may have too few pictures for the options, as for the number of components: what is counted must then do.
    with suppress(ImagewrightError if first < count else _TookLong):
        if model.fit_work(first).operations <= rate * LONGEST:  # type: ignore[union-attr]
            return _measure(model, images, first, second, say)
    return FitForecast(started + int(whole.peak), _on_main(whole.operations / rate), 0, count)


def _shares(model: Model, images: Images) -> tuple[int, int]:
    """The pictures of both shares: more than the fit treats otherwise because they are few, or all of them."""
    pixels = images.channels * images.height * images.width
    components = getattr(model.config, "components", None) or DEFAULT_COMPONENTS
    fewest = max(A_COMPONENT * components, min(FEWEST, NUMBERS // pixels))
    least = max(fewest, min(GRAM_IMAGES, pixels // 2, GRAM_NUMBERS // pixels) + 1)
    return (least, 2 * least) if len(images) > 2 * least else (len(images), len(images))


def _measure(model: Model, images: Images, first: int, second: int, say: Say) -> FitForecast:
    """By fits to the first share and to the second. `_TookLong` if the first is given up.

    The first fit also loads libraries. If it took long, the second tells whether that was why, and is given up sooner.
    """
    longer = few = None
    with _peak_of_its_own():
        shorter = _fit_share(model, images, first, say, PATIENCE)
        memory = devices.peak_memory(devices.CPU)
        memory -= sum(each.nbytes for each in [*model.parameters(), *model.buffers()])  # a training has one copy
        if first < second:
            patience = PATIENCE if second / first * shorter.seconds <= LONGEST else LONGEST
            with suppress(ImagewrightError):
                longer = _fit_share(model, images, second, say, patience)
                few = _fit_share(model, images, FEW, say, LONGEST)
    last = longer or shorter
    memory += max(0, int(last.whole.peak - shorter.work.peak))
    seconds = shorter.seconds
    if longer is not None:
        seconds = _seconds_of_all(shorter, longer, few)
    elif first < len(images):
        seconds *= last.whole.operations / max(1.0, last.work.operations)
    return FitForecast(memory, seconds, last.pictures, len(images), last.components)


def _seconds_of_all(first: _Fitted, second: _Fitted, few: _Fitted | None) -> float:
    """Seconds of the fit to all pictures: on a line over operations, through the few and the second share.

    By how much the first share took longer than on that line is the time in which libraries were loaded.
    """
    least, seconds = (few.work.operations, few.seconds) if few is not None else (0.0, 0.0)
    slope = max(0.0, second.seconds - seconds) / max(1.0, second.work.operations - least)
    loading = first.seconds - second.seconds + slope * (second.work.operations - first.work.operations)
    return max(0.0, loading) + second.seconds + slope * max(0.0, second.whole.operations - second.work.operations)


def _some(images: Images, count: int) -> Images:
    """So many of the pictures, spread evenly over the set, as classes may follow one another in it."""
    if count >= len(images):
        return images
    kept = np.zeros(len(images), bool)
    kept[np.linspace(0, len(images) - 1, count).round().astype(np.int64)] = True
    return images.subset(kept)


def _fit_share(model: Model, images: Images, count: int, say: Say, patience: float) -> _Fitted:
    """Fit a copy to so many of the pictures. Raises `_TookLong` after `patience` seconds, or what the fit raises."""
    fitted, some = copy.deepcopy(model), _some(images, count)
    with tell_if_slow(say, f"fitting {count:,} of {len(images):,} pictures, to measure memory and time ..."):
        seconds = _on_main(_seconds(fitted, some, patience))
    work, whole = fitted.fit_work(count), fitted.fit_work(len(images))
    assert work is not None
    assert whole is not None
    components = getattr(fitted, "components_found", None) if getattr(model.config, "explained", None) else None
    return _Fitted(count, seconds, work, whole, components)


def _seconds(model: Model, images: Images, patience: float) -> float:
    """Fit the model, and make a preview of it as the training does. Returns the seconds of the fit."""
    started = time.monotonic()

    def check_time(_: int) -> None:
        if time.monotonic() - started > patience:
            raise _TookLong

    fit_over_ranks(model, FloatStream(images, check_time))
    seconds = time.monotonic() - started
    if distributed.is_main():
        inputs = choose_inputs(model, {"images": images}, 0, np.empty(0, np.int64))
        if isinstance(inputs, torch.Tensor):
            (reconstruct if inputs.dtype == torch.uint8 else decode)(model, inputs)
    return seconds


@contextmanager
def _peak_of_its_own() -> Iterator[None]:
    """Within the block the peak of memory and torch's random numbers are as if nothing had been before."""
    with torch.random.fork_rng([]):
        devices.forget_peak(devices.CPU)
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
