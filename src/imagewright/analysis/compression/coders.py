"""Lossy coders of pictures, each with one setting from coarse to fine: the quantised latents of any model.

JPEG is one more (`jpeg_coder.py`).

A model's latents are quantised and entropy-coded. Each latent has its own step size, such that one step changes the
picture by the same distance for every latent. For PCA the step is inversely proportional to the component's standard
deviation, which is optimal for a Gaussian source (reverse water-filling, Cover & Thomas 2006, section 10.3.3). The
sensitivity of the picture to each latent is measured by decoding, so that nonlinear decoders are covered too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from imagewright.capabilities import Reconstructs, require
from imagewright.errors import DataError
from imagewright.model import Model
from imagewright.pixels import to_float, to_uint8

LEVELS = 127.5  # grey levels of one unit of a model's pixels
RATES = 10  # settings of a coder of latents
PERTURBED_PICTURES = 1024  # decoded to measure sensitivities; at least one for each latent
VALUES_AT_ONCE = 1 << 21  # pixel values decoded in one batch
LEAST_PROBABILITY = 1e-12  # of a symbol: values far outside the training distribution cost 40 bits


@dataclass(frozen=True)
class CodedPictures:
    """N coded pictures."""

    decoded: Tensor  # uint8 (N, C, H, W)
    bits: Tensor  # of each picture, float64 (N,)
    file_bits: Tensor | None = None  # with headers, float64 (N,), for coders that write files


class Coder(Protocol):
    """A lossy coder of pictures."""

    name: str
    note: str  # what the bits include, and what they leave out
    decoder_bytes: int  # what a decoder needs besides the bits
    settings: list[float]  # from the fewest bits to the most

    def analyse(self, pictures: Tensor) -> Any:
        """uint8 pictures (N, C, H, W) to the values that are quantised, which are the same for all settings."""
        ...

    def count_bits(self, rows: Any, setting: float) -> Tensor:
        """The bits of each picture of `analyse`, float64 (N,)."""
        ...

    def code(self, rows: Any, setting: float) -> CodedPictures:
        """Quantise, code and decode what `analyse` returned."""
        ...

    def label(self, setting: float) -> str:
        """The setting in words."""
        ...


@dataclass(frozen=True)
class LatentDistribution:
    """Independent distributions of K latents, each Laplace or normal."""

    centre: Tensor  # (K,)
    width: Tensor  # (K,), mean absolute deviation (Laplace) or standard deviation (normal); 0: a constant latent
    is_laplace: Tensor  # bool (K,)

    @classmethod
    def fit(cls, latents: Tensor) -> LatentDistribution:
        """Fit to latents (N, K); for each latent the family of higher likelihood."""
        centre = latents.double().mean(0)
        distance = (latents.double() - centre).abs()
        mean, deviation = distance.mean(0), distance.square().mean(0).sqrt()
        # Mean log-likelihoods: -log(2 mean) - 1 (Laplace), and -log(deviation) - log(2 pi) / 2 - 1/2 (normal).
        is_laplace = deviation > mean * 2 * math.exp(0.5) / math.sqrt(2 * math.pi)
        return cls(centre, torch.where(is_laplace, mean, deviation), is_laplace)

    def quantise(self, latents: Tensor, steps: Tensor) -> Tensor:
        """Latents (..., K) to integer symbols: the distance from the centre in steps (K,), rounded."""
        return torch.where(self.width > 0, ((latents.double() - self.centre) / steps).round(), 0.0)

    def count_bits(self, symbols: Tensor, steps: Tensor) -> Tensor:
        """The length of an ideal arithmetic code of symbols (..., K) in bits, summed over K."""
        width = self.width.clamp(min=1e-30)
        near = (symbols.abs() - 0.5) * steps / width
        far = (symbols.abs() + 0.5) * steps / width
        beyond_near = torch.where(self.is_laplace, 0.5 * torch.exp(-near.clamp(min=0)), torch.special.ndtr(-near))
        beyond_far = torch.where(self.is_laplace, 0.5 * torch.exp(-far), torch.special.ndtr(-far))
        probability = torch.where(symbols == 0, 1 - 2 * beyond_far, beyond_near - beyond_far)
        bits = -probability.clamp(min=LEAST_PROBABILITY).log2()
        return torch.where(self.width > 0, bits, 0.0).sum(-1)


class LatentCoder:
    """Quantised latents of a model that reconstructs pictures.

    The setting is the inverse of the step size, in grey levels of Euclidean distance between pictures.

    name: of the method.
    model: encodes and decodes.
    training: uint8 pictures (N, C, H, W), at least two, that the distributions are fitted to.
    """

    note = (
        "length of an ideal arithmetic code, each latent's distribution (Laplace or normal) fitted to the training "
        "part; not the model, nor those distributions"
    )

    def __init__(self, name: str, model: Model, training: Tensor) -> None:
        if len(training) < 2:
            raise DataError(
                f"{name} is fitted to pictures other than those it is tested on, and too few are left: give more "
                "pictures, or compare JPEG alone, which needs no fit."
            )
        self.name, self.model, self.coder = name, model, require(model, Reconstructs)
        self.decoder_bytes = sum(value.numel() * value.element_size() for value in model.state_dict().values())
        latents = self.analyse(training)
        self.distribution = LatentDistribution.fit(latents)
        self.sensitivity = self._measure_sensitivity(latents)
        self.settings = self._choose_settings(training, latents)

    def analyse(self, pictures: Tensor) -> Tensor:
        return self._apply(lambda part: self.coder.encode(to_float(part)).flatten(1), pictures)

    def count_bits(self, rows: Tensor, setting: float) -> Tensor:
        steps = self._steps(setting)
        return self.distribution.count_bits(self.distribution.quantise(rows, steps), steps)

    def code(self, rows: Tensor, setting: float) -> CodedPictures:
        steps = self._steps(setting)
        symbols = self.distribution.quantise(rows, steps)
        decoded = to_uint8(self._decode(self.distribution.centre + symbols * steps))
        return CodedPictures(decoded, self.distribution.count_bits(symbols, steps))

    def label(self, setting: float) -> str:
        return f"step {1 / setting:.3g}"

    def _steps(self, setting: float) -> Tensor:
        # Latents that do not change the picture get huge steps.
        return (1 / setting) / self.sensitivity.clamp(min=1e-12)

    def _decode(self, latents: Tensor) -> Tensor:
        """Latents (N, K) to floats (N, C, H, W), which unlike grey levels show small changes."""
        return self._apply(self.coder.decode, latents.float().unflatten(1, self.coder.latent_shape))

    def _apply(self, function: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        """Apply `function` in batches of bounded memory."""
        each = max(16, VALUES_AT_ONCE // math.prod(self.model.config.image_shape))
        with torch.inference_mode():
            return torch.cat([function(part) for part in inputs.split(each)])

    def _measure_sensitivity(self, latents: Tensor) -> Tensor:
        """The change of the picture for one unit of each latent, (K,): Euclidean distance in grey levels.

        Finite differences of half a width around up to eight pictures; root mean square over these.
        """
        count = latents.shape[1]
        around = latents[: max(1, min(len(latents), 8, PERTURBED_PICTURES // count))]
        half = (self.distribution.width / 2).float()
        squares = torch.zeros(count, dtype=torch.float64)
        for row in around:
            before = self._decode(row[None])
            for numbers in torch.arange(count).split(64):
                perturbed = row.repeat(len(numbers), 1)
                perturbed[torch.arange(len(numbers)), numbers] += half[numbers]
                squares[numbers] += (self._decode(perturbed) - before).double().square().flatten(1).sum(1)
        distance = (squares / len(around)).sqrt() * LEVELS
        return torch.where(half > 0, distance / half.double().clamp(min=1e-30), 0.0)

    def _choose_settings(self, training: Tensor, latents: Tensor) -> list[float]:
        """Settings from a step at which the largest latent has two or three symbols to one with a negligible error.

        The quantisation error (step^2 / 12 for each latent) is negligible at a tenth of the model's own error.
        """
        largest = float((self.distribution.width * self.sensitivity).max())
        some = slice(0, 16)
        error = (to_uint8(self._decode(latents[some])).double() - training[some]).square().flatten(1).sum(1).mean()
        finest = math.sqrt(12 * 0.1 * float(error) / latents.shape[1])
        coarsest = max(2 * largest, 1.0)
        finest = min(max(finest, 2.0), coarsest / 2)  # an error of a third of a grey level is invisible
        return [1 / (coarsest * (finest / coarsest) ** (place / (RATES - 1))) for place in range(RATES)]


class BlockCoder:
    """A coder of independent 8x8 blocks: JPEG's blocks in a learned basis instead of cosines.

    name: of the method.
    inner: codes one block.
    size: (height, width) of the pictures.
    """

    SIDE = 8

    def __init__(self, name: str, inner: LatentCoder, size: tuple[int, int]) -> None:
        self.name, self.inner, self.size = name, inner, size
        self.note = inner.note + "; no saving from one block to the next"
        self.decoder_bytes, self.settings = inner.decoder_bytes, inner.settings

    def analyse(self, pictures: Tensor) -> Tensor:
        rows = self.inner.analyse(cut_to_blocks(pictures, self.SIDE))
        return rows.reshape(len(pictures), -1, rows.shape[1])

    def count_bits(self, rows: Tensor, setting: float) -> Tensor:
        return self.inner.count_bits(rows, setting).sum(1)

    def code(self, rows: Tensor, setting: float) -> CodedPictures:
        inner = self.inner.code(rows.flatten(0, 1), setting)
        height, width = self.size
        down, across = -(-height // self.SIDE), -(-width // self.SIDE)
        blocks = inner.decoded.unflatten(0, (len(rows), down, across)).permute(0, 3, 1, 4, 2, 5)
        whole = blocks.flatten(4, 5).flatten(2, 3)[:, :, :height, :width]
        return CodedPictures(whole.contiguous(), inner.bits.unflatten(0, (len(rows), -1)).sum(1))

    def label(self, setting: float) -> str:
        return self.inner.label(setting)


def cut_to_blocks(pictures: Tensor, side: int) -> Tensor:
    """uint8 pictures (N, C, H, W) as blocks (N B, C, side, side) in reading order, padded by repeating edges."""
    height, width = pictures.shape[2:]
    rows = torch.arange(-(-height // side) * side).clamp(max=height - 1)
    columns = torch.arange(-(-width // side) * side).clamp(max=width - 1)
    blocks = pictures[:, :, rows][..., columns].unflatten(3, (-1, side)).unflatten(2, (-1, side))
    return blocks.permute(0, 2, 4, 1, 3, 5).flatten(0, 2).contiguous()
