"""Ways to write pictures with fewer bits, each with one knob from coarse to fine: JPEG, and the latents of any model.

A model's latents are rounded to steps and coded. The step of a latent is such that one step moves the picture by the
same distance whichever latent it is: for PCA, a step in proportion to one over the component's standard deviation,
which is best for a Gaussian source (reverse water-filling, Cover & Thomas 2006, section 10.3.3). How far a latent moves
the picture is measured by decoding, so that it holds for autoencoders as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from imagewright.capabilities import Reconstructs, require
from imagewright.codecs.jpeg.codec import coefficients_of, entropy_coded, pixels_of, written
from imagewright.codecs.jpeg.scan_writing import packed
from imagewright.errors import DataError
from imagewright.model import Model
from imagewright.pixels import to_float, to_uint8

LEVELS = 127.5  # grey levels of one unit of a model's pixels
RATES = 10  # points of a curve of latents
MOVED_PICTURES = 1024  # decoded to measure how far latents move pictures, or one a latent where there are more
VALUES_AT_ONCE = 1 << 21  # of pixels
FEWEST = 1e-12  # the least probability of a symbol: one that the training part never came near costs 40 bits


@dataclass(frozen=True)
class Coded:
    """Pictures as the receiver sees them, uint8 (N, C, H, W), and the bits of each, float64 (N,).

    `file_bits`: with headers, where the coder writes files.
    """

    rebuilt: Tensor
    bits: Tensor
    file_bits: Tensor | None = None


class Coder(Protocol):
    """A way to code pictures. `settings`: its knob, from the fewest bits to the most."""

    name: str
    note: str  # what is counted, and what is not
    decoder_bytes: int  # what the receiver must have besides the bits
    settings: list[float]

    def analysed(self, pictures: Tensor) -> Tensor:
        """What is coded of uint8 pictures (N, C, H, W), before rounding: one row a picture."""
        ...

    def bits(self, rows: Tensor, setting: float) -> Tensor:
        """The bits of each row, float64 (N,)."""
        ...

    def coded(self, rows: Tensor, setting: float) -> Coded:
        """The bits, and what the receiver sees."""
        ...

    def label(self, setting: float) -> str:
        """The setting in words."""
        ...


class JPEGCoder:
    """JPEG at several qualities. Bits are those of the file's scan: the tables are the standard's for every file."""

    note = "bits of the entropy-coded scan; not the header, which holds the standard's tables"
    decoder_bytes = 0

    def __init__(self, qualities: Sequence[int], subsampling: str, name: str = "jpeg") -> None:
        self.name, self.subsampling = name, subsampling
        self.settings: list[float] = sorted({float(quality) for quality in qualities})

    def analysed(self, pictures: Tensor) -> Tensor:
        return pictures

    def bits(self, rows: Tensor, setting: float) -> Tensor:
        scans = [packed(entropy_coded(coefficients_of(row, round(setting), self.subsampling))) for row in rows]
        return torch.tensor([8 * len(scan) for scan in scans], dtype=torch.float64)

    def coded(self, rows: Tensor, setting: float) -> Coded:
        files = [coefficients_of(row, round(setting), self.subsampling) for row in rows]
        bits = torch.tensor([8 * len(packed(entropy_coded(each))) for each in files], dtype=torch.float64)
        whole = torch.tensor([8 * len(written(each)) for each in files], dtype=torch.float64)
        return Coded(torch.stack([pixels_of(each) for each in files]), bits, whole)

    def label(self, setting: float) -> str:
        return f"quality {setting:.0f}"


@dataclass(frozen=True)
class Symbols:
    """How probable each rounded latent is: a Laplace or a normal distribution a latent, fitted to training pictures.

    `centre`, `width` (mean distance, or standard deviation), `is_laplace`: (K,). A width of 0: always the centre.
    """

    centre: Tensor
    width: Tensor
    is_laplace: Tensor

    @classmethod
    def fitted(cls, latents: Tensor) -> Symbols:
        """To latents (N, K): of the two distributions, the one of higher likelihood for each latent."""
        centre = latents.double().mean(0)
        distance = (latents.double() - centre).abs()
        mean, deviation = distance.mean(0), distance.square().mean(0).sqrt()
        # Log-likelihoods a picture: -log(2 mean) - 1, and -log(deviation) - log(2 pi) / 2 - 1/2.
        is_laplace = deviation > mean * 2 * math.exp(0.5) / math.sqrt(2 * math.pi)
        return cls(centre, torch.where(is_laplace, mean, deviation), is_laplace)

    def rounded(self, latents: Tensor, steps: Tensor) -> Tensor:
        """The nearest whole number of steps (K,) from the centre, for latents (..., K)."""
        return torch.where(self.width > 0, ((latents.double() - self.centre) / steps).round(), 0.0)

    def bits(self, symbols: Tensor, steps: Tensor) -> Tensor:
        """The length of an ideal arithmetic code of whole numbers of steps (..., K), in bits, summed over K."""
        width = self.width.clamp(min=1e-30)
        near = (symbols.abs() - 0.5) * steps / width
        far = (symbols.abs() + 0.5) * steps / width
        beyond_near = torch.where(self.is_laplace, 0.5 * torch.exp(-near.clamp(min=0)), torch.special.ndtr(-near))
        beyond_far = torch.where(self.is_laplace, 0.5 * torch.exp(-far), torch.special.ndtr(-far))
        probability = torch.where(symbols == 0, 1 - 2 * beyond_far, beyond_near - beyond_far)
        bits = -probability.clamp(min=FEWEST).log2()
        return torch.where(self.width > 0, bits, 0.0).sum(-1)


class LatentCoder:
    """The latents of a model that rebuilds pictures, rounded. The knob is the step: grey levels, as a distance."""

    note = (
        "length of an ideal arithmetic code, each latent's distribution (Laplace or normal) fitted to the training "
        "part; not the model, nor those distributions"
    )

    def __init__(self, name: str, model: Model, training: Tensor) -> None:
        """`training`: uint8 pictures (N, C, H, W), two at least, to fit the distributions to."""
        if len(training) < 2:
            raise DataError(
                f"{name} is fitted on pictures besides those it is judged on, and too few are left: give more "
                "pictures, or compare JPEG alone, which is fitted on none."
            )
        self.name, self.model, self.coder = name, model, require(model, Reconstructs)
        self.decoder_bytes = sum(value.numel() * value.element_size() for value in model.state_dict().values())
        latents = self.analysed(training)
        self.symbols = Symbols.fitted(latents)
        self.moves = self._moves(latents)
        self.settings = self._settings(training, latents)

    def analysed(self, pictures: Tensor) -> Tensor:
        return self._applied(lambda part: self.coder.encode(to_float(part)).flatten(1), pictures)

    def bits(self, rows: Tensor, setting: float) -> Tensor:
        return self.symbols.bits(self.symbols.rounded(rows, self._steps(setting)), self._steps(setting))

    def coded(self, rows: Tensor, setting: float) -> Coded:
        steps = self._steps(setting)
        symbols = self.symbols.rounded(rows, steps)
        return Coded(to_uint8(self._decoded(self.symbols.centre + symbols * steps)), self.symbols.bits(symbols, steps))

    def label(self, setting: float) -> str:
        return f"step {1 / setting:.3g}"

    def _steps(self, setting: float) -> Tensor:
        # A latent that moves nothing may be rounded as coarsely as one likes.
        return (1 / setting) / self.moves.clamp(min=1e-12)

    def _decoded(self, latents: Tensor) -> Tensor:
        """Floats (N, C, H, W): rounding to grey levels would hide small moves."""
        return self._applied(self.coder.decode, latents.float().unflatten(1, self.coder.latent_shape))

    def _applied(self, function: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        """`function` over the rows, in parts of about equal memory, whatever the size of the pictures."""
        each = max(16, VALUES_AT_ONCE // math.prod(self.model.config.image_shape))
        with torch.inference_mode():
            return torch.cat([function(part) for part in inputs.split(each)])

    def _moves(self, latents: Tensor) -> Tensor:
        """How far one unit of each latent moves the picture, (K,): the Euclidean distance of its grey levels.

        Measured at half a width around some pictures, the root mean square of them.
        """
        count = latents.shape[1]
        around = latents[: max(1, min(len(latents), 8, MOVED_PICTURES // count))]
        half = (self.symbols.width / 2).float()
        squares = torch.zeros(count, dtype=torch.float64)
        for row in around:
            before = self._decoded(row[None])
            for numbers in torch.arange(count).split(64):
                moved = row.repeat(len(numbers), 1)
                moved[torch.arange(len(numbers)), numbers] += half[numbers]
                squares[numbers] += (self._decoded(moved) - before).double().square().flatten(1).sum(1)
        distance = (squares / len(around)).sqrt() * LEVELS
        return torch.where(half > 0, distance / half.double().clamp(min=1e-30), 0.0)

    def _settings(self, training: Tensor, latents: Tensor) -> list[float]:
        """From a step that leaves the largest latent at two or three symbols to one that no longer shows.

        It does not where its error, a twelfth of its square a latent, is a tenth of what the model loses by itself.
        """
        largest = float((self.symbols.width * self.moves).max())
        some = slice(0, 16)
        lost = (to_uint8(self._decoded(latents[some])).double() - training[some]).square().flatten(1).sum(1).mean()
        finest = math.sqrt(12 * 0.1 * float(lost) / latents.shape[1])
        coarsest = max(2 * largest, 1.0)
        finest = min(max(finest, 2.0), coarsest / 2)  # an error of a third of a grey level cannot be seen
        return [1 / (coarsest * (finest / coarsest) ** (place / (RATES - 1))) for place in range(RATES)]


class BlockCoder:
    """A coder of 8x8 blocks, each as a picture of its own: JPEG's blocks in another basis than cosines."""

    SIDE = 8

    def __init__(self, name: str, inner: LatentCoder, size: tuple[int, int]) -> None:
        self.name, self.inner, self.size = name, inner, size
        self.note = inner.note + "; no saving from one block to the next"
        self.decoder_bytes, self.settings = inner.decoder_bytes, inner.settings

    def analysed(self, pictures: Tensor) -> Tensor:
        rows = self.inner.analysed(cut_to_blocks(pictures, self.SIDE))
        return rows.reshape(len(pictures), -1, rows.shape[1])

    def bits(self, rows: Tensor, setting: float) -> Tensor:
        return self.inner.bits(rows, setting).sum(1)

    def coded(self, rows: Tensor, setting: float) -> Coded:
        inner = self.inner.coded(rows.flatten(0, 1), setting)
        height, width = self.size
        down, across = -(-height // self.SIDE), -(-width // self.SIDE)
        blocks = inner.rebuilt.unflatten(0, (len(rows), down, across)).permute(0, 3, 1, 4, 2, 5)
        whole = blocks.flatten(4, 5).flatten(2, 3)[:, :, :height, :width]
        return Coded(whole.contiguous(), inner.bits.unflatten(0, (len(rows), -1)).sum(1))

    def label(self, setting: float) -> str:
        return self.inner.label(setting)


def cut_to_blocks(pictures: Tensor, side: int) -> Tensor:
    """uint8 pictures (N, C, H, W) as blocks (N B, C, side, side) in reading order; edges are repeated outwards."""
    height, width = pictures.shape[2:]
    rows = torch.arange(-(-height // side) * side).clamp(max=height - 1)
    columns = torch.arange(-(-width // side) * side).clamp(max=width - 1)
    blocks = pictures[:, :, rows][..., columns].unflatten(3, (-1, side)).unflatten(2, (-1, side))
    return blocks.permute(0, 2, 4, 1, 3, 5).flatten(0, 2).contiguous()


class InMemory:
    """`model.Stream` over uint8 pictures (N, C, H, W) that are in memory."""

    labels = None

    def __init__(self, pictures: Tensor) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def batches(self, batch_size: int) -> Iterator[Tensor]:
        """One pass in order: float32 in [-1, 1]."""
        return (to_float(part) for part in self.pictures.split(batch_size))
