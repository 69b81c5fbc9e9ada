"""The size at which a model trains, if the user gave none: one that it supports and that the machine can train."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from typing import Any

from imagewright import catalogue, configs
from imagewright.counts import minutes_text
from imagewright.errors import ConfigError
from imagewright.files import cache_folder
from imagewright.images import Images
from imagewright.machine import memory_of_rank
from imagewright.pixels import size_text
from imagewright.training import device as devices
from imagewright.training.reporting import Say

# A model that is trained by steps learns nothing from photographs at their own size in the time there is. The sides
# that it does learn: the shorter side in pixels, by the minutes from which on it is trained at.
SIDES_ON_CPU = {0: 32, 3: 64}
SIDES_ON_GPU = {0: 64, 10: 128, 240: 256}
MULTIPLE = 8  # the longer side is rounded to a multiple of this many pixels

# Bytes of memory for each pixel value of a picture that the fit of 64 components takes (statistics/spectra.py), and the
# share of the free disk that prepared pictures may take.
BYTES_A_VALUE = 4096
COMPONENTS = 64
SHARE_OF_DISK = 0.5


def choose_size(
    model_name: str, images: Images, options: Mapping[str, Any], *, minutes: float, accelerator: bool, say: Say
) -> Images:
    """The images at a size at which the model can be trained here, and which it supports.

    A size that the user gave is not changed; if it is not supported, building the configuration raises an error.

    model_name: in the catalogue.
    images: of the first source.
    options: options of the model that the user gave.
    minutes: of the training.
    accelerator: whether it trains on a GPU.
    say: called with a sentence if the images are resized.
    """
    if images.size_given:
        return images
    if catalogue.model_class(model_name).is_closed_form():
        return fit_size(model_name, _fit_memory(model_name, images, options, say), say)
    suggested = catalogue.model_class(model_name).Config.suggest_side(options, accelerator=accelerator)
    side = suggested or useful_side(minutes, accelerator=accelerator)
    if min(images.size) <= side:
        return fit_size(model_name, images, say)
    size = _nearest_below(model_name, images.size, side)
    say(
        f"pictures of {size_text(images.size)} are resized to {size_text(size)}, at which {model_name} learns "
        f"in {minutes_text(minutes)} on {'a GPU' if accelerator else 'a CPU'} (choose with --size)"
    )
    return images.with_size(size)


def useful_side(minutes: float, *, accelerator: bool) -> int:
    """The shorter side, in pixels, at which a model is trained at most unless the user gave a size.

    minutes: of the training.
    accelerator: whether it trains on a GPU.
    """
    sides = SIDES_ON_GPU if accelerator else SIDES_ON_CPU
    return max(side for least, side in sides.items() if minutes >= least)


def shrink(size: tuple[int, int], side: int) -> tuple[int, int]:
    """(height, width) with the same aspect ratio and a shorter side of `side` pixels, up to multiples of 8.

    >>> shrink((3000, 4000), 64)
    (64, 88)
    """
    scale = side / min(size)
    height, width = (max(side, round(each * scale / MULTIPLE) * MULTIPLE) for each in size)
    return height, width


def _nearest_below(model_name: str, size: tuple[int, int], side: int) -> tuple[int, int]:
    """The supported size with a shorter side of about `side` pixels and the nearest aspect ratio."""
    config = catalogue.model_class(model_name).Config
    height, width = (round(each * side / min(size)) for each in size)
    nearest = config.nearest_size(height, width)
    return nearest if nearest != (height, width) else config.nearest_size(*shrink(size, side))


def _fit_memory(model_name: str, images: Images, options: Mapping[str, Any], say: Say) -> Images:
    """The images at a size whose fit in closed form does not take more than the memory, or most of the disk."""
    config = catalogue.model_class(model_name).Config
    keeps_components = not {"components", "encoder"}.isdisjoint(configs.options_of(config))
    given = options.get("components")
    components = given if isinstance(given, int) and given > 0 else COMPONENTS
    values = math.prod((images.channels, *images.size))
    most, reason = float("inf"), "memory"
    if keeps_components:
        most = memory_of_rank(devices.CPU) / (BYTES_A_VALUE * max(1.0, components / COMPONENTS))
    if images.cached:
        folder = next(each for each in (cache_folder(None), *cache_folder(None).parents) if each.exists())
        on_disk = SHARE_OF_DISK * shutil.disk_usage(folder).free / len(images)
        most, reason = min((most, reason), (on_disk, "disk"))
    if values <= most:
        return images
    side = max(MULTIPLE, int(min(images.size) * math.sqrt(most / values)) // MULTIPLE * MULTIPLE)
    size = shrink(images.size, side)
    say(
        f"pictures of {size_text(images.size)} are resized to {size_text(size)}: the {reason} of this machine "
        f"does not hold what {model_name} computes of {len(images):,} larger ones (choose with --size)"
    )
    return images.with_size(size)


def fit_size(model_name: str, images: Images, say: Say) -> Images:
    """The images at the nearest size that the model supports.

    A size that the user gave is not changed; if it is not supported, building the configuration raises an error.
    """
    nearest = catalogue.model_class(model_name).Config.nearest_size(*images.size)
    if nearest == images.size or images.size_given:
        return images
    say(
        f"{model_name} does not support {size_text(images.size)}: images are resized and cropped to "
        f"{size_text(nearest)} (choose with --size)"
    )
    return images.with_size(nearest)


def colour_if_any(sources: Mapping[str, Images], say: Say) -> dict[str, Images]:
    """Sources of which some are grey and some in colour, all with the channels of the first in colour."""
    channels = [images.channels for images in sources.values()]
    wanted = next((each for each in channels if each > 1), 1)
    grey = [name for name, images in sources.items() if images.channels < wanted == max(channels)]
    for name in grey:
        say(f"{sources[name].source} is grey, and another source is in colour: opened with {wanted} channels")
    return {
        name: images.with_size(None, channels=wanted) if name in grey else images for name, images in sources.items()
    }


def match_shape(images: Images, first: Images, say: Say) -> Images:
    """The images of another source at the size and with the channels of the first source.

    Raises `ConfigError` if the user gave the two sources different sizes.
    """
    if (images.size, images.channels) == (first.size, first.channels):
        return images
    if images.size_given and images.size != first.size:
        raise ConfigError(
            f"{first.source} is opened at {size_text(first.size)} and {images.source} at "
            f"{size_text(images.size)}, but a training has one size: open both with the same size."
        )
    if images.source != first.source:  # two domains of one source are one set of pictures to the user
        channels = "" if images.channels == first.channels else f" and have {first.channels} channels"
        say(f"images of {images.source} are resized to {size_text(first.size)}{channels}, as in {first.source}")
    return images.with_size(first.size, first.channels)
