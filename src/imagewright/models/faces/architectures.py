"""How two people share networks: `df`, `liae` and `amp` of DeepFaceLab.

All have one encoder for both people. What differs is where a person's own networks begin: at the decoders (`df`), at
half of the code (`liae`), or at channels of the code that are mixed at random (`amp`).
Shape letters: N batch, C H W picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from imagewright.layers.face_autoencoder import (
    HALVINGS,
    FaceDecoder,
    FaceEncoder,
    FaceInner,
    initialise_he,
)
from imagewright.phases import Draws

ArchitectureName = Literal["df", "liae", "amp"]
Drawn = tuple[Tensor, Tensor]
"""Pictures (N, C, H, W) and masks (N, 1, H, W), in [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Widths:
    """The sizes of the networks.

    encoder: channels after the first halving; doubled by each of the others.
    code: numbers that a face is squeezed into.
    inner: channels of the maps made of them.
    decoder, mask: channels after each doubling, of the picture and of the mask.
    """

    encoder: int
    code: int
    inner: int
    decoder: Sequence[int]
    mask: Sequence[int]


class FaceNetworks(nn.Module):
    """The base of the three architectures. Pictures are (N, C, H, W) in [-1, 1]; person 0 is the source, 1 the target.

    normalised: whether the encoder's maps are divided by their root mean square.
    """

    normalised = False

    def __init__(self, channels: int, size: tuple[int, int], widths: Widths) -> None:
        super().__init__()
        self.channels, self.widths = channels, widths
        self.start = (size[0] >> HALVINGS, size[1] >> HALVINGS)
        self.encoder = FaceEncoder(channels, widths.encoder, normalised=self.normalised)

    def rebuild(self, of_source: Tensor, of_target: Tensor, draws: Draws) -> tuple[Drawn, Drawn]:
        """The rebuilt pictures of both people, in one pass of what they share."""
        raise NotImplementedError

    def draw_as(self, images: Tensor, person: int, strength: float, own: int | None = None) -> Drawn:
        """Pictures drawn as a person, and masks.

        strength: how much of the identity is changed, from 0 to 1.
        own: who is in the pictures; None: the other person, unless `strength` does not matter.
        """
        raise NotImplementedError

    def _encode(self, of_source: Tensor, of_target: Tensor) -> Tensor:
        maps: Tensor = self.encoder(torch.cat([of_source, of_target]))
        return maps

    def _build_inner(self) -> FaceInner:
        widths = self.widths
        made = FaceInner(8 * widths.encoder, self.start, widths.code, widths.inner)
        made.apply(initialise_he)
        return made

    def _build_decoder(self, inner: int) -> FaceDecoder:
        made = FaceDecoder(inner, self.channels, self.widths.decoder, self.widths.mask)
        made.apply(initialise_he)
        for name, convolution in made.named_modules():
            if name.endswith(".second"):
                with torch.no_grad():
                    convolution.weight.mul_(0.2**0.5)
        return made


class TwoDecoders(FaceNetworks):
    """`df`: encoder and code are shared, each person has a decoder. Keeps the shape of the source's face."""

    def __init__(self, channels: int, size: tuple[int, int], widths: Widths) -> None:
        super().__init__(channels, size, widths)
        self.encoder.apply(initialise_he)
        self.inner = self._build_inner()
        self.decoder_a = self._build_decoder(widths.inner)
        self.decoder_b = self._build_decoder(widths.inner)

    def rebuild(self, of_source: Tensor, of_target: Tensor, draws: Draws) -> tuple[Drawn, Drawn]:
        first, second = self.inner(self._encode(of_source, of_target)).split([len(of_source), len(of_target)])
        return self.decoder_a(first), self.decoder_b(second)

    def draw_as(self, images: Tensor, person: int, strength: float, own: int | None = None) -> Drawn:
        """Below full strength the pictures of both decoders are blended: they show one face in one pose."""
        code = self.inner(self.encoder(images))
        wanted, other = (self.decoder_b, self.decoder_a) if person else (self.decoder_a, self.decoder_b)
        picture, mask = wanted(code)
        if own != person:
            mask = mask * other.draw_mask(code)
        if strength < 1:
            picture = torch.lerp(other.draw_picture(code), picture, strength)
        return picture, mask


class TwoInners(FaceNetworks):
    """`liae`: one decoder; half of the code is shared, the target has the other half. Takes more of the target's light.

    The source is coded [shared, shared], the target [own, shared].
    """

    def __init__(self, channels: int, size: tuple[int, int], widths: Widths) -> None:
        super().__init__(channels, size, widths)
        self.encoder.apply(initialise_he)
        self.inner_shared = self._build_inner()
        self.inner_target = self._build_inner()
        self.decoder = self._build_decoder(2 * widths.inner)

    def rebuild(self, of_source: Tensor, of_target: Tensor, draws: Draws) -> tuple[Drawn, Drawn]:
        maps = self._encode(of_source, of_target)
        counts = [len(of_source), len(of_target)]
        first, second = self.inner_shared(maps).split(counts)
        own = self.inner_target(maps[len(of_source) :])
        pictures, masks = self.decoder(torch.cat([first.repeat(1, 2, 1, 1), torch.cat([own, second], 1)]))
        return tuple(zip(pictures.split(counts), masks.split(counts), strict=True))  # type: ignore[return-value]

    def draw_as(self, images: Tensor, person: int, strength: float, own: int | None = None) -> Drawn:
        maps = self.encoder(images)
        shared, of_target = self.inner_shared(maps), self.inner_target(maps)
        codes = (shared, of_target) if person == 0 else (of_target, shared)
        wanted, other = (torch.cat([each, shared], 1) for each in codes)
        picture, mask = self.decoder(torch.lerp(other, wanted, strength))
        return picture, mask if own == person else mask * self.decoder.draw_mask(other)


class MixedChannels(FaceNetworks):
    """`amp`: one decoder; each person has a code, and the source is trained on random halves of both codes' channels.

    So the share of the source's channels is a slider of identity after training.
    """

    normalised = True

    def __init__(self, channels: int, size: tuple[int, int], widths: Widths) -> None:
        super().__init__(channels, size, widths)
        self.encoder.apply(initialise_he)
        self.inner_source = self._build_inner()
        self.inner_target = self._build_inner()
        self.decoder = self._build_decoder(widths.inner)

    def rebuild(self, of_source: Tensor, of_target: Tensor, draws: Draws) -> tuple[Drawn, Drawn]:
        maps = self._encode(of_source, of_target)
        counts = [len(of_source), len(of_target)]
        first, second = self.inner_target(maps).split(counts)
        is_source = draws.uniform(self.widths.inner, 1, 1) < 0.5
        mixed = torch.where(is_source, self.inner_source(maps[: len(of_source)]), first)
        pictures, masks = self.decoder(torch.cat([mixed, second]))
        return tuple(zip(pictures.split(counts), masks.split(counts), strict=True))  # type: ignore[return-value]

    def draw_as(self, images: Tensor, person: int, strength: float, own: int | None = None) -> Drawn:
        maps = self.encoder(images)
        of_target = self.inner_target(maps)
        count = round(self.widths.inner * (strength if person == 0 else 1 - strength))
        mixed = of_target
        if count:
            mixed = torch.cat([self.inner_source(maps)[:, :count], of_target[:, count:]], 1)
        picture, mask = self.decoder(mixed)
        if person in {own, 1}:
            return picture, mask
        return picture, mask * self.decoder.draw_mask(of_target)


ARCHITECTURES: dict[ArchitectureName, type[FaceNetworks]] = {
    "df": TwoDecoders,
    "liae": TwoInners,
    "amp": MixedChannels,
}
