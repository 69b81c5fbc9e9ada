"""Refusing a fit in closed form that does not fit in memory, before anything is allocated, with what does fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from imagewright.configs import Config
from imagewright.errors import ConfigError, ImagewrightError, count_text
from imagewright.machine import memory_of_rank, shared_memory_words
from imagewright.memoryless import without_memory
from imagewright.model import Model
from imagewright.pixels import size_text
from imagewright.training import device as devices
from imagewright.training.planning import round_down


def check_fit(model_class: type[Model], config: Config, count: int) -> None:
    """Raise `ConfigError` for a fit whose arrays do not fit in memory, with sizes, numbers and options that do.

    model_class: of any model; one that is trained by steps is not checked.
    count: pictures. Nothing is allocated.
    """
    if not model_class.is_closed_form():
        return
    available = memory_of_rank(devices.CPU)
    needed = _peak(model_class, config, count)
    if needed is None or needed <= available:
        return

    def fits(pictures: int = count, **changes: Any) -> bool:
        try:
            peak = _peak(model_class, dataclasses.replace(config, **changes), pictures)
        except ValueError:  # the change is not possible beside the other options
            return False
        return peak is not None and peak <= available

    advice = []
    if (size := next((size for size in _smaller_sizes(config) if fits(size=size)), None)) is not None:
        advice.append(f"--size {size[0] if size[0] == size[1] else size_text(size)}")
    if (fewer := next((each for each in _fewer(count, 2) if fits(each)), None)) is not None:
        advice.append(f"{fewer:,} pictures at this size")
    components = getattr(config, "components", None)
    if components and (fewer := next((each for each in _fewer(components, 1) if fits(components=each)), None)):
        advice.append(f"--components {fewer}")
    if getattr(config, "encoder", None) == "pixels" and fits(encoder="pca"):
        advice.append("--encoder pca")
    what_fits = f"What fits: {', or '.join(advice)}" if advice else "Give a smaller --size, and fewer pictures"
    raise ConfigError(
        f"The fit to {count_text(count, 'picture')} of {size_text(config.size)} needs about {needed / 2**30:,.1f} GiB "
        f"of memory, and there are {available / 2**30:,.1f} GiB{shared_memory_words(devices.CPU)}. {what_fits}."
    )


def _peak(model_class: type[Model], config: Config, count: int) -> float | None:
    """Bytes of the arrays of a fit; None if they are not counted, or if the fit itself will refuse the options."""
    try:
        with without_memory():
            work = model_class(config).fit_work(count)
    except ImagewrightError:
        return None
    return None if work is None else work.peak


def _smaller_sizes(config: Config) -> Iterable[tuple[int, int]]:
    """Sizes from the largest to the smallest, in steps of a quarter."""
    height, width = config.size
    scale = 0.75
    while min(height, width) * scale > 6:
        yield config.nearest_size(round(height * scale), round(width * scale))
        scale *= 0.75


def _fewer(count: int, least: int) -> Iterable[int]:
    """Numbers below `count`, in steps of a tenth, as people write them."""
    while count > least:
        count = int(count * 0.9)
        if count >= least:
            yield round_down(count)
