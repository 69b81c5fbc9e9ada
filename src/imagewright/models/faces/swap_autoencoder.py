"""Face swapping by a shared encoder: both people are rebuilt from warped faces, one is drawn in the other's place.

The method of the first public "deepfakes" and of its successors faceswap and DeepFaceLab, of which there is no paper;
Perov et al. 2020, arXiv:2005.05535, describes DeepFaceLab. Losses, deformations and architectures are DeepFaceLab's.
Departures: inputs and targets of a step are drawn from the draws of the step, so that resuming is exact; Adam; part of
the inputs are not warped instead of all of them late in the training; grey and RGBA pictures; sides that differ.
Shape letters: N batch, C H W picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn.functional import interpolate

from imagewright.capabilities import Target
from imagewright.configs import MultipleSizedConfig, TwoDomainConfig
from imagewright.errors import UserError
from imagewright.layers.colour_statistics import match_statistics
from imagewright.layers.face_deformation import draw_deformation, sample_at, soft_parts
from imagewright.layers.initialisation import initialise_normal
from imagewright.layers.patch_discriminator import PatchDiscriminator
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.feature_distance import feature_distance
from imagewright.losses.structural_similarity import blur, structural_dissimilarity
from imagewright.model import Feed, Frozen, Model
from imagewright.models.faces.architectures import ARCHITECTURES, ArchitectureName, FaceNetworks, Widths
from imagewright.models.faces.swap_presets import SWAP_PRESETS, SwapPreset, SwapPresetName
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.pretrained.efficientnet_lite import (
    EfficientNetLite,
    build_efficientnet_lite,
    read_efficientnet_weights,
)
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.traits import Traits

SOURCE, TARGET = 0, 1
FACE_AND_FEATURES = ((1, 2, 3), (2, 3))  # labels of the layer "parts": the whole face; its eyes and its mouth
LOGISTIC = ADVERSARIAL["non_saturating"]
PERCEPTUAL_STAGES = (0, 1, 2)  # of strides 2, 4 and 8
PATCH_LAYERS = 2  # strided ones: patches of 34 pixels
SOFT = 1 / 32  # of a side: how far the weight of the face reaches beyond its outline
OUTSIDE = 0.1  # weight of pixels outside the face
RED, OPACITY = (1.0, -1.0, -1.0), 0.5  # of what the mask leaves out, in the preview


@dataclass(frozen=True, kw_only=True)
class SwapConfig(TwoDomainConfig, MultipleSizedConfig):
    """The options of the swap model. What is None follows from `preset`."""

    former_names: ClassVar[dict[str, str]] = {"adversarial_since": "sharpen_since"}
    needs_consent: ClassVar[bool] = True
    source_help: ClassVar[dict[str, str]] = {
        "a": "the source, the person put in: a folder of faces that `imagewright swap extract` made",
        "b": "the target, the person replaced: likewise",
    }
    unit: ClassVar[int] = 16
    smallest: ClassVar[int] = 16
    tiny_options: ClassVar[dict[str, Any]] = {
        "preset": "small",
        "encoder_width": 4,
        "code": 8,
        "inner_width": 4,
        "decoder_width": 1,
        "mask_width": 1,
    }

    crop: str = Field("", description="the crop of the faces that it was trained on")
    preset: SwapPresetName = Field("classic", description="numbers for all that is not given")
    architecture: ArchitectureName = Field(
        "df",
        description="what two people share: df the code, liae half of it and the decoder, amp the decoder alone",
    )
    encoder_width: int | None = Field(None, ge=1, le=1024, description="channels of the encoder at half size")
    code: int | None = Field(None, ge=1, le=65_536, description="numbers that a face is squeezed into")
    inner_width: int | None = Field(None, ge=1, le=4096, description="channels of the maps made of the code")
    decoder_width: int | None = Field(None, ge=1, le=512, description="an eighth of a decoder's channels at its start")
    mask_width: int | None = Field(None, ge=1, le=512, description="likewise of the part that draws masks")
    warp: float = Field(1.0, ge=0, le=4, description="strength of the random warps of inputs")
    unwarped: float = Field(0.3, ge=0, le=1, description="share of the inputs that are not warped")
    colour_transfer: float = Field(
        0.5, ge=0, le=1, description="share of the faces that get the colours of a face of the other person"
    )
    structure: float = Field(10.0, ge=0, le=1e6, description="weight of the structural dissimilarity")
    squared_error: float = Field(10.0, ge=0, le=1e6, description="weight of the squared error")
    features: float = Field(100.0, ge=0, le=1e6, description="weight of the absolute error in eyes and mouth")
    mask: float = Field(10.0, ge=0, le=1e6, description="weight of the squared error of masks")
    perceptual: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="weight of a distance by EfficientNet-Lite0's maps (extra features), late in the training; 0: none",
    )
    adversarial: float = Field(
        0.0, ge=0, le=1e6, description="weight of a discriminator of patches, late in the training (0.1); 0: none"
    )
    sharpen_since: float = Field(
        0.7, ge=0, lt=1, description="the share of the training from which on these two count, which sharpen"
    )
    discriminator_width: int = Field(16, ge=1, le=512, description="channels of the discriminator's first layer")

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """The preset that the machine can train."""
        return {"preset": "whole_face" if traits.accelerator else "small"}

    @classmethod
    def suggest_side(cls, given: Mapping[str, Any], *, accelerator: bool) -> int | None:
        """That of the preset."""
        name = given.get("preset", "whole_face" if accelerator else "small")
        return SWAP_PRESETS[name].side if name in SWAP_PRESETS else None

    @property
    def numbers(self) -> SwapPreset:
        """The preset's numbers."""
        return SWAP_PRESETS[self.preset]

    @property
    def widths(self) -> Widths:
        """The sizes of the networks."""
        numbers = self.numbers
        levels = (8, 4) if numbers.finer else (8, 4, 2)
        decoder, mask = self.decoder_width or numbers.decoder_width, self.mask_width or numbers.mask_width
        return Widths(
            encoder=self.encoder_width or numbers.encoder_width,
            code=self.code or numbers.code,
            inner=self.inner_width or numbers.inner_width,
            decoder=[decoder * level for level in levels],
            mask=[mask * level for level in levels],
        )


class SwapAutoencoder(Model):
    """Networks: `networks`, an encoder and what `architecture` says; `discriminator`, if there is one.

    Source 0 is the person put in, 1 the one replaced.
    Pictures have a layer "parts" (`faces/parts.py`) in face sets; without it all of a picture counts as the face.
    """

    Config = SwapConfig
    config: SwapConfig
    feeds: ClassVar[Mapping[str, Feed]] = {"a": Feed("a", balanced=True), "b": Feed("b", balanced=True)}
    averaged = ("networks",)

    def __init__(self, config: SwapConfig) -> None:
        super().__init__(config)
        self.networks: FaceNetworks = ARCHITECTURES[config.architecture](config.channels, config.size, config.widths)
        self.perceptual = Frozen()  # no identity network, which would score what it has trained
        if config.adversarial:
            self.discriminator = PatchDiscriminator(
                config.channels, width=config.discriminator_width, layers=PATCH_LAYERS, norm="none"
            ).apply(initialise_normal)

    def recipe(self, images_seen: int = 0) -> Recipe:
        numbers = self.config.numbers
        return Recipe(
            images_seen=numbers.images,
            batch_size=numbers.batch,
            optimizer=Optimizer(learning_rate=numbers.learning_rate),
            average=Average(half_life=numbers.half_life),
        )

    # Objective

    def phases(self) -> list[Phase]:
        config = self.config
        if not (config.adversarial or config.perceptual):
            return [Phase("rebuild", ("networks",), self.rebuild_loss)]
        since = int(config.sharpen_since * config.numbers.images)
        phases = [Phase("rebuild", ("networks",), self.rebuild_loss, until=since)] if since else []
        phases.append(Phase("sharpen", ("networks",), self.sharpen_loss, since=since))
        if config.adversarial:
            phases.append(Phase("discriminator", ("discriminator",), self.discriminator_loss, since=since))
        return phases

    def equip(self) -> Sequence[str]:
        if not self.config.perceptual:
            return ()
        if self.config.channels != 3:
            raise UserError("perceptual: the distance by maps is of RGB pictures, and these have other channels.")
        self.perceptual.hold(build_efficientnet_lite(read_efficientnet_weights()))
        return ("the perceptual distance is by EfficientNet-Lite0 of ImageNet; likeness is scored by another network",)

    def rebuild_loss(self, step: Step) -> Terms:
        """The rebuilt faces of both people against the faces before their warps."""
        return self._rebuild(step)[0]

    def sharpen_loss(self, step: Step) -> Terms:
        """The same, and what the discriminator and the maps of a classifier say of the rebuilt faces."""
        config = self.config
        terms, rebuilt, wanted = self._rebuild(step)
        rebuilt, wanted = rebuilt * 2 - 1, wanted * 2 - 1
        step.shared |= {"rebuilt": rebuilt.detach(), "wanted": wanted}
        if config.adversarial:
            judged = LOGISTIC.generator(self.discriminator(rebuilt), None)
            terms |= {name: config.adversarial * value for name, value in judged.items()}
        if config.perceptual:
            network = self.perceptual.network
            assert isinstance(network, EfficientNetLite)
            terms["perceptual"] = config.perceptual * feature_distance(
                network.maps(rebuilt, PERCEPTUAL_STAGES), network.maps(wanted, PERCEPTUAL_STAGES)
            )
        return terms

    def discriminator_loss(self, step: Step) -> Terms:
        """Patches of faces against those of rebuilt ones, both inside the weight of the face."""
        real, fake = (self.discriminator(step.shared[name]) for name in ("wanted", "rebuilt"))
        return LOGISTIC.discriminator(real, fake)

    def _rebuild(self, step: Step) -> tuple[Terms, Tensor, Tensor]:
        """Terms, and the rebuilt pictures and targets of both people, (2 N, C, H, W), 0 outside the face."""
        device = step.images.device.type
        with torch.autocast(device, enabled=False):  # places between pixels, and variances, need fp32
            inputs, targets, parts = self._deform((step, step["b"]), step.draws)
        drawn = self.networks.rebuild(inputs[0], inputs[1], step.draws)
        with torch.autocast(device, enabled=False):
            terms = {
                f"{term}_{side}": value
                for side, (picture, mask), wanted, of_parts in zip(("a", "b"), drawn, targets, parts, strict=True)
                for term, value in self._compare(picture, mask, wanted, of_parts).items()
            }
        faces = torch.cat(parts)[:, :1]
        return terms, torch.cat([picture for picture, _ in drawn]).float() * faces, torch.cat(targets) * faces

    def _compare(self, picture: Tensor, mask: Tensor, wanted: Tensor, parts: Tensor) -> Terms:
        """Named distances of pictures and masks to what they should be.

        parts: (N, 2, H, W): the face, and its eyes and mouth.
        """
        config = self.config
        face, features = parts[:, :1], parts[:, 1:]
        weights = OUTSIDE + (1 - OUTSIDE) * (2 * blur(face, SOFT * max(config.size))).clamp(max=1)
        picture, mask = picture.float(), mask.float()
        return {
            "structure": config.structure * (structural_dissimilarity(picture, wanted) * weights).mean(),
            "squared_error": config.squared_error * ((picture - wanted).square() * weights).mean(),
            "features": config.features * ((picture - wanted).abs() * features).mean(),
            "mask": config.mask * (mask - face).square().mean(),
        }

    def _deform(self, rows: tuple[Rows, Rows], draws: Draws) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Inputs in [-1, 1], targets in [0, 1] and parts (N, 2, H, W) of both people."""
        config = self.config
        pictures = [(each.images.float() + 1) / 2 for each in rows]
        parts = [soft_parts(each.layers.get("parts"), each.images.float(), FACE_AND_FEATURES) for each in rows]
        pictures = self._exchange_colours(pictures, parts, draws)
        inputs, targets, moved_parts = [], [], []
        for picture, of_parts in zip(pictures, parts, strict=True):
            where = draw_deformation(draws, config.size, warp=config.warp, unwarped=config.unwarped)
            inputs.append(sample_at(picture, where.inputs) * 2 - 1)
            targets.append(sample_at(picture, where.targets, "bicubic").clamp(0, 1))
            moved_parts.append(sample_at(of_parts, where.targets))
        return inputs, targets, moved_parts

    def _exchange_colours(self, pictures: list[Tensor], parts: list[Tensor], draws: Draws) -> list[Tensor]:
        """Some pictures of each person with the colours of a picture of the other, inside the faces."""
        share = self.config.colour_transfer
        if share == 0:
            return pictures
        faces = [each[:, :1] for each in parts]
        chosen = [draws.uniform(1, 1, 1) < share for _ in pictures]
        moved = [match_statistics(pictures[one], faces[one], pictures[1 - one], faces[1 - one]) for one in (0, 1)]
        return [torch.where(chosen[one], moved[one], pictures[one]) for one in (0, 1)]

    # Verbs

    @property
    def domains(self) -> tuple[str, ...]:
        return self.config.domain_names

    def swap(
        self, images: Tensor, to: int = SOURCE, strength: float = 1.0, *, own: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Aligned faces drawn as a person: pictures (N, C, H, W) in [-1, 1], and masks (N, 1, H, W) in [0, 1].

        Masks are what both people's networks call face.

        images: (N, C, H, W) in [-1, 1], crops as in training; of another size they are resized, and so are the results.
        to: 0 draws the source, 1 the target.
        strength: how much of the identity is changed, from 0 to 1.
        own: who is in the pictures; by default the other person. `own=to` rebuilds them.
        """
        shape, size = tuple(images.shape[-2:]), self.config.size
        resized = images if shape == size else _resize(images, size)
        picture, mask = self.networks.draw_as(resized, to, strength, own)
        picture = picture.to(images.dtype) * 2 - 1
        if shape != size:
            picture, mask = _resize(picture, shape).clamp(-1, 1), _resize(mask, shape).clamp(0, 1)
        return picture, mask

    def translate(self, images: Tensor, target: Target) -> Tensor:
        return self.swap(images, target.domain or SOURCE)[0]

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        """Each person, rebuilt, drawn as the other, and the same with what the mask leaves out in red."""
        shown: dict[str, Tensor] = {}
        for own, feed in enumerate(("a", "b")):
            images, name, other = rows[feed].images, self.domains[own], self.domains[1 - own]
            swapped, mask = self.swap(images, 1 - own)
            shown |= {
                name: images,
                f"{name} rebuilt": self.swap(images, own, own=own)[0],
                f"{name} as {other}": swapped,
                f"mask as {other}": _tint(swapped, mask),
            }
        return shown


def _resize(images: Tensor, size: tuple[int, ...]) -> Tensor:
    resized: Tensor = interpolate(images.float(), size, mode="bicubic", antialias=True, align_corners=False)
    return resized


def _tint(images: Tensor, mask: Tensor) -> Tensor:
    """Pictures with red where their mask is 0; grey ones get darker."""
    colour = images.new_full((1, images.shape[1], 1, 1), -1.0)
    if images.shape[1] >= 3:
        colour[0, :3, 0, 0] = images.new_tensor(RED)
        colour[0, 3:] = 1.0
    return torch.lerp(images, colour.expand_as(images), OPACITY * (1 - mask))
