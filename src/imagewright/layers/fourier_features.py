"""A map of sinusoids, which can be moved and turned exactly: the input of StyleGAN3's synthesis network.

Karras et al. 2021 (StyleGAN3), arXiv:2106.12423, section 3.1 and appendix F. Shape letters: N batch, C channels, H W
map, S style.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from imagewright.layers.equalised import EqualisedLinear


class FourierFeatures(nn.Module):
    """Styles (N, S) to maps (N, C, *sides): mixed sinusoids, moved and turned by an affine function of the style.

    channels: C.
    sides: (H, W); the centre of the map is the origin.
    rate: samples a unit of length. Images are one unit large.
    bandwidth: the highest frequency of the sinusoids, in cycles a unit.

    transform: buffer (3, 3), a further motion of the map, which users set: homogeneous coordinates in units, x first,
        from places of the map to places of the sinusoids.
    """

    frequencies: Tensor
    phases: Tensor
    transform: Tensor

    def __init__(self, channels: int, sides: tuple[int, int], style_dim: int, *, rate: float, bandwidth: float) -> None:
        super().__init__()
        frequencies = torch.randn(channels, 2)
        across, down = frequencies.square().split(1, dim=1)
        radii = (across + down).sqrt()
        # Uniform in the disc of the bandwidth, approximately.
        frequencies = frequencies / (radii * radii.square().exp() ** 0.25) * bandwidth
        self.register_buffer("frequencies", frequencies)
        self.register_buffer("phases", torch.rand(channels) - 0.5)
        self.register_buffer("transform", torch.zeros(3, 3).fill_diagonal_(1))
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.affine = EqualisedLinear(style_dim, 4)
        nn.init.zeros_(self.affine.weight)
        assert self.affine.bias is not None
        with torch.no_grad():
            self.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        self.sides, self.rate, self.bandwidth = sides, rate, bandwidth

    def forward(self, styles: Tensor, moved: Tensor | None = None) -> Tensor:
        """`moved`: (N, 3, 3) or (3, 3) in place of `transform`."""
        with torch.autocast(styles.device.type, enabled=False):  # phases need float32
            learned = self.affine(styles.float())
            transform = _motions(learned) @ (self.transform if moved is None else moved).to(learned.dtype)
            shifts = self.frequencies @ transform[:, :2, 2:]  # (N, C, 1)
            frequencies = self.frequencies @ transform[:, :2, :2]  # (N, C, 2)
            phases = self.phases[:, None] + shifts
            excess = frequencies.norm(dim=2) - self.bandwidth
            amplitudes = (1 - excess / (self.rate / 2 - self.bandwidth)).clamp(0, 1)
            rows, columns = (self._places(side) for side in self.sides)
            along_columns = frequencies[:, :, :1] * columns + phases  # (N, C, W)
            along_rows = frequencies[:, :, 1:] * rows  # (N, C, H)
            angles = along_rows[:, :, :, None] + along_columns[:, :, None]
            waves = (angles * (2 * math.pi)).sin() * amplitudes[:, :, None, None]
            mixing = self.weight / math.sqrt(len(self.weight))
            return (waves.permute(0, 2, 3, 1) @ mixing.T).permute(0, 3, 1, 2)

    def _places(self, side: int) -> Tensor:
        """The centres of the pixels along an axis, in units."""
        return (torch.arange(side, device=self.phases.device) + 0.5 - side / 2) / self.rate


def _motions(numbers: Tensor) -> Tensor:
    """(N, 3, 3): a turn and a shift from (N, 4): cosine and sine of the angle, not normalised, and the shift."""
    cosine, sine, x, y = (numbers / numbers[:, :2].norm(dim=1, keepdim=True)).unbind(1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    turns = torch.stack([cosine, -sine, zero, sine, cosine, zero, zero, zero, one], 1).view(-1, 3, 3)
    shifts = torch.stack([one, zero, -x, zero, one, -y, zero, zero, one], 1).view(-1, 3, 3)
    return turns @ shifts
