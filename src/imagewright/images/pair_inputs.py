"""Inputs of pairs that are computed from plain pictures: edges, grey, low resolution, a hole, regions of colours.

Each is a frozen dataclass whose fields are its options. Called with a picture, uint8 (H, W, C) of 1 or 3 channels, and
its number in the source, it returns the input of the same height and width, uint8 (H, W, 1) or (H, W, 3).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from imagewright.errors import ConfigError, nearest_name
from imagewright.images.images import Images
from imagewright.images.selection import select_evenly
from imagewright.seeds import derive_seed

MakeInput = Callable[[np.ndarray, int], np.ndarray]
HOLE_GREY = 128
SAMPLED, SAMPLED_SIDE = 128, 48  # pictures, and pixels a side, of which the palette of a set is made
BLUR = 1.0  # pixels, before the colour of a pixel is replaced by one of the palette
REGIONS_SIDE = 768  # pixels: regions of larger pictures are found at this longer side, and enlarged
SPECKLE = 2  # pixels: each pixel becomes what most are within this radius


@dataclass(frozen=True)
class CannyEdges:
    """Dark edges on white (Canny 1986).

    sigma: of the Gaussian that smooths the picture first, in pixels; more leaves fewer edges.
    """

    sigma: float = 2.0

    def __call__(self, picture: np.ndarray, number: int) -> np.ndarray:
        from skimage.feature import canny

        edges = canny(_grey(picture) / 255, sigma=self.sigma)
        return np.where(edges, 0, 255).astype(np.uint8)[..., None]


@dataclass(frozen=True)
class GreyPicture:
    """The luminance, so that colours are learned."""

    def __call__(self, picture: np.ndarray, number: int) -> np.ndarray:
        return _grey(picture)[..., None]


@dataclass(frozen=True)
class LowResolution:
    """The picture reduced by averages of squares, and enlarged again (bicubic), so that detail is learned.

    factor: pixels of the side of a square.
    """

    factor: int = 4

    def __call__(self, picture: np.ndarray, number: int) -> np.ndarray:
        whole = _to_image(picture)
        size = tuple(max(1, round(side / self.factor)) for side in whole.size)
        small = whole.resize((size[0], size[1]), Image.Resampling.BOX)
        return np.asarray(small.resize(whole.size, Image.Resampling.BICUBIC)).reshape(picture.shape)


@dataclass(frozen=True)
class MaskedPicture:
    """The picture with a grey rectangle at a random place, so that what is missing is learned.

    hole: its sides, as a share of the picture's.
    seed: of the places; that of a picture follows from its number in the source.
    """

    hole: float = 0.4
    seed: int = 0

    def __call__(self, picture: np.ndarray, number: int) -> np.ndarray:
        generator = np.random.default_rng(derive_seed(self.seed, f"hole {number}"))
        sides = [max(1, round(self.hole * side)) for side in picture.shape[:2]]
        top, left = (
            int(generator.integers(0, whole - side + 1)) for whole, side in zip(picture.shape[:2], sides, strict=True)
        )
        masked = picture.copy()
        masked[top : top + sides[0], left : left + sides[1]] = HOLE_GREY
        return masked


@dataclass(frozen=True)
class ColourRegions:
    """Regions in few colours, which are the same in all pictures of the set, like a painted label map.

    The palette are the means of k-means (in CIE Lab) over pixels from all over the set.

    colours: of the palette.
    seed: of the k-means.
    palette: uint8 (K, 3), found by `fit_palette`.
    """

    colours: int = 8
    seed: int = 0
    palette: np.ndarray | None = dataclasses.field(default=None, repr=False, compare=False)

    def __call__(self, picture: np.ndarray, number: int) -> np.ndarray:
        from skimage.color import rgb2lab
        from skimage.filters import gaussian
        from skimage.filters.rank import majority
        from skimage.morphology import disk

        assert self.palette is not None
        whole = _to_image(picture)
        small = whole.copy()
        small.thumbnail((REGIONS_SIDE, REGIONS_SIDE), Image.Resampling.BOX)
        pixels = np.asarray(small).reshape(small.height, small.width, picture.shape[2])
        smooth = gaussian(_colour(pixels) / np.float32(255), sigma=BLUR, channel_axis=2)
        values, centres = rgb2lab(smooth), rgb2lab(self.palette[None] / 255)[0]
        nearest = np.stack([np.square(values - centre).sum(2) for centre in centres]).argmin(0).astype(np.uint8)
        regions = Image.fromarray(majority(nearest, disk(SPECKLE)))
        return self.palette[np.asarray(regions.resize(whole.size, Image.Resampling.NEAREST))]


INPUTS: dict[str, type[Any]] = {
    "edges": CannyEdges,
    "grey": GreyPicture,
    "lowres": LowResolution,
    "mask": MaskedPicture,
    "labels": ColourRegions,
}
RANGES: dict[str, tuple[float, float, str]] = {
    "sigma": (0.1, 50, "0.1 to 50 pixels"),
    "factor": (2, 64, "2 to 64"),
    "level": (0.01, 0.99, "0.01 to 0.99"),
    "hole": (0.01, 0.99, "0.01 to 0.99 of the sides"),
    "colours": (2, 64, "2 to 64"),
    "seed": (0, float("inf"), "0 or more"),
}


def build_input(name: str, options: dict[str, Any], inputs: Mapping[str, type[Any]] = INPUTS) -> MakeInput:
    """The input of that name with the options given. Raises `ConfigError` for a name or an option it does not have.

    inputs: those that there are.
    """
    if name not in inputs:
        raise ConfigError(f"There is no input {name!r}: expected {', '.join(inputs)}.{nearest_name(name, inputs)}")
    fields = {field.name for field in dataclasses.fields(inputs[name]) if field.name in RANGES}
    for option, value in options.items():
        if option not in fields:
            owners = [each for each in inputs if option in {field.name for field in dataclasses.fields(inputs[each])}]
            raise ConfigError(
                f"{option}={value!r} is an option of {' and '.join(owners) or 'no input'}, and the input is {name}: "
                f"its options are {', '.join(sorted(fields)) or 'none'}."
            )
        low, high, words = RANGES[option]
        is_whole = option in ("factor", "colours", "seed")
        if isinstance(value, bool) or not isinstance(value, int if is_whole else (int, float)):
            raise ConfigError(f"{option}={value!r}: expected a {'whole ' if is_whole else ''}number.")
        if not low <= value <= high:
            raise ConfigError(f"{option}={value!r}, but it must be {words}.")
    made: MakeInput = inputs[name](**options)
    return made


def fit_palette(regions: ColourRegions, images: Images) -> ColourRegions:
    """The regions with the palette of a set. Raises `DataError` if no picture can be read."""
    from skimage.color import lab2rgb, rgb2lab
    from sklearn.cluster import KMeans

    small = images.with_size((min(SAMPLED_SIDE, images.height), min(SAMPLED_SIDE, images.width)))
    sample = select_evenly(small, SAMPLED).images.permute(0, 2, 3, 1).numpy()
    pixels = rgb2lab(_colour(sample) / 255).reshape(-1, 3)
    wanted = min(regions.colours, len(np.unique(pixels, axis=0)))
    found = KMeans(wanted, n_init=1, random_state=regions.seed).fit(pixels)
    palette = (lab2rgb(found.cluster_centers_[None])[0] * 255).round().astype(np.uint8)
    return dataclasses.replace(regions, palette=palette)


def _colour(pictures: np.ndarray) -> np.ndarray:
    """Three channels of pictures (..., C)."""
    return pictures[..., :3] if pictures.shape[-1] >= 3 else np.repeat(pictures[..., :1], 3, axis=-1)


def _grey(picture: np.ndarray) -> np.ndarray:
    return np.asarray(_to_image(picture).convert("L"))


def _to_image(picture: np.ndarray) -> Image.Image:
    return Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
