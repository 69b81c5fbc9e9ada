"""One face of a picture drawn as another person, and fitted to the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np
import torch

from imagewright import catalogue
from imagewright.errors import ConfigError, UserError, nearest_name
from imagewright.faces.colours import METHODS, ColourMethod
from imagewright.faces.compositing import Compositing, fit_face
from imagewright.faces.crops import CROPS, crop_square, cut_square
from imagewright.faces.detail import MOST_MOVING
from imagewright.faces.detections import Face
from imagewright.faces.landmarks import OVAL, sixty_eight
from imagewright.faces.masks import hull_mask, soften_mask
from imagewright.faces.pasting import Region
from imagewright.faces.similarity import apply_affine, invert_affine
from imagewright.model import Model
from imagewright.output.marks import check_mark
from imagewright.training_capabilities import swaps_identities

MaskName = Literal["product", "learned", "hull"]
Sharpen = Literal["auto", "none"]
Smooth = Literal["auto", "none"]
Blend = Literal["paste", "poisson"]
PERSONS = ("source", "target")  # by their number in the model
USUAL_CROP = "whole"  # of a run that does not name its crop


@dataclass(frozen=True, kw_only=True)
class SwapOptions:
    """How faces are swapped.

    Attributes:
        to: the person put in: "source", the first set of faces of the training, or "target", the second one.
        colour: how the colours of the new face are matched to the old one: "reinhard", "linear", "mkl", "histogram",
            "none".
        mask: what is replaced: "learned", what the networks of both people call face; "hull", the outline of the
            face's points; "product", what is in both.
        erode: how far the mask shrinks, as a share of the face's size; negative lets it grow.
        blur: over what share of the face's size the mask fades out.
        sharpen: "auto" matches the sharpness of the face that was there; "none".
        blend: "paste", or "poisson" for stills.
        smooth: "auto" averages a face in a video over the frames before and after, along the motion; "none".
        strength: how much of the identity is changed, from 0 to 1.
        mark: a text that is drawn in a corner of each picture, or None.
    """

    to: Literal["source", "target"] = "source"
    colour: ColourMethod = "reinhard"
    mask: MaskName = "product"
    erode: float = 0.02
    blur: float = 0.06
    sharpen: Sharpen = "auto"
    blend: Blend = "paste"
    smooth: Smooth = "auto"
    strength: float = 1.0
    mark: str | None = None

    def __post_init__(self) -> None:
        for name, value, known in (
            ("to", self.to, PERSONS),
            ("colour", self.colour, METHODS),
            ("mask", self.mask, get_args(MaskName)),
            ("sharpen", self.sharpen, get_args(Sharpen)),
            ("blend", self.blend, get_args(Blend)),
            ("smooth", self.smooth, get_args(Smooth)),
        ):
            if value not in known:
                raise ConfigError(f"{name}={value!r}: expected {', '.join(known)}.{nearest_name(str(value), known)}")
        for name, number, low, high in (
            ("erode", self.erode, -0.5, 0.5),
            ("blur", self.blur, 0, 0.5),
            ("strength", self.strength, 0, 1),
        ):
            if isinstance(number, bool) or not isinstance(number, Real) or not low <= number <= high:
                raise ConfigError(f"{name}={number!r}: expected a number from {low:g} to {high:g}.")
        if self.mark is not None:
            check_mark(self.mark)

    @classmethod
    def from_names(cls, options: Mapping[str, Any]) -> SwapOptions:
        """The options of these names. Raises `ConfigError` for a name that is none."""
        known = [each.name for each in fields(cls)]
        unknown = next((name for name in options if name not in known), None)
        if unknown is not None:
            raise ConfigError(
                f"There is no option {unknown!r} of swaps: expected {', '.join(known)}.{nearest_name(unknown, known)}"
            )
        return cls(**options)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class DrawnFace:
    """A face drawn as another person, before it is fitted to its picture.

    Attributes:
        square: (2, 3), of the crop: from the unit square to pixels of the picture.
        picture: float32 RGB (S, S, 3) from 0 to 1.
        mask: float32 (S, S): what is replaced, before its edge is softened.
    """

    square: np.ndarray
    picture: np.ndarray
    mask: np.ndarray


class FaceSwapper:
    """Swaps faces with a model.

    Raises `UserError` for a model that swaps no faces.
    """

    def __init__(self, model: Model, options: SwapOptions) -> None:
        if not swaps_identities(model):
            raise UserError(
                f"{catalogue.name_of(model)} swaps no faces: name a run of the model swap (`imagewright train swap "
                "FACES_OF_SOURCE FACES_OF_TARGET`)."
            )
        self.model: Model = model
        self._swap = model.swap
        self.options = options
        self.to = PERSONS.index(options.to)
        crop = getattr(model.config, "crop", "")
        self._crop = crop if crop in CROPS else USUAL_CROP
        even = options.colour != "none" and options.blend == "paste"
        self._how = Compositing(
            colour=options.colour, even=even, sharpen=options.sharpen == "auto", blend=options.blend
        )

    def draw(self, picture: np.ndarray, face: Face) -> DrawnFace:
        """A face of a picture uint8 (H, W, 3) as the other person."""
        square = crop_square(face, self._crop)
        made, learned = self._draw(cut_square(picture, square, max(self.model.config.size)))
        return DrawnFace(square, made, self._mask(face, square, learned))

    def fit(self, picture: np.ndarray, drawn: DrawnFace, *, moving: bool = False) -> Region:
        """A drawn face in the pixels of its picture uint8 (H, W, 3), to be blended with it.

        moving: whether the picture is a frame of a video: without smoothing, sharpening flickers there, and less is
            added.
        """
        mask = soften_mask(drawn.mask, self.options.erode, self.options.blur)
        how = self._how
        if moving and self.options.smooth == "none":
            how = replace(how, most_sharpening=MOST_MOVING)
        return fit_face(picture, drawn.picture, mask, drawn.square, how)

    @torch.inference_mode()
    def _draw(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A crop uint8 (S, S, 3) as the other person: float32 RGB (S, S, 3) from 0 to 1, and the mask (S, S)."""
        channels = self.model.config.channels
        images = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 127.5 - 1
        if channels == 1:
            images = images.mean(1, keepdim=True)
        elif channels == 4:
            images = torch.cat([images, torch.ones_like(images[:, :1])], 1)
        made = self._swap(images.to(self.model.device), self.to, self.options.strength)
        picture, mask = (each[0].float().cpu() for each in made)
        colours = picture[:3].expand(3, -1, -1)
        return ((colours + 1) / 2).clamp(0, 1).permute(1, 2, 0).numpy(), mask[0].clamp(0, 1).numpy()

    def _mask(self, face: Face, square: np.ndarray, learned: np.ndarray) -> np.ndarray:
        if self.options.mask == "learned" or face.layout != "mesh":
            return learned
        side = len(learned)
        back = invert_affine(square)
        points, oval = (apply_affine(back, each) * side for each in (sixty_eight(face), face.points[OVAL, :2]))
        hull = hull_mask(points, oval, side, side)
        return hull if self.options.mask == "hull" else hull * learned


def change_of(region: Region, picture: np.ndarray) -> np.ndarray:
    """What a region adds to the pixels of a picture, float32 (h, w, 3), in units of 0..255."""
    own = region.of(picture).astype(np.float32)
    change: np.ndarray = region.mask[..., None] * (region.picture * np.float32(255) - own)
    return change
