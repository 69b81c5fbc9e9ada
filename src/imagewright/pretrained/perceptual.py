"""LPIPS: perceptual distance of two pictures, from features of a classifier with weights fitted to human ratings.

Zhang, Isola, Efros, Shechtman & Wang 2018, arXiv:1801.03924, eq. 1, in version 0.1 of the authors' weights (version 0.0
had an error in the scaling of the input). The trunks are in `perceptual_trunks.py`.
Shape letters: N pairs, C H W; a map k has F_k features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from imagewright.downloads import RemoteFile
from imagewright.errors import ConfigError, DataError, nearest_name
from imagewright.pixels import size_text
from imagewright.pretrained.perceptual_trunks import LEAST_SIDE, WIDTHS, Trunk, build_trunk
from imagewright.pretrained.weights import check_state, get_weight_file, read_weights

# ImageNet's means and deviations, converted from pictures in [0, 1] to pictures in [-1, 1].
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
EPSILON = 1e-10  # added to lengths, so that a position whose features are all 0 stays 0

_TORCH = ("https://download.pytorch.org/models/",)
_LPIPS = (
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/082bb24f84c091ea94de2867d34c4544f68e0963/"
    "lpips/weights/v0.1/",
)


@dataclass(frozen=True)
class Published:
    """The two files of one trunk: its weights from ImageNet (BSD-3), and the linear weights of LPIPS (BSD-2)."""

    trunk: RemoteFile
    linear: RemoteFile


PUBLISHED = {
    "vgg": Published(
        RemoteFile(
            "vgg16-397923af.pth",
            553_433_881,
            "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            "sha256",
        ),
        RemoteFile("vgg.pth", 7_289, "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868", "sha256"),
    ),
    "alex": Published(
        RemoteFile(
            "alexnet-owt-7be5be79.pth",
            244_408_911,
            "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            "sha256",
        ),
        RemoteFile("alex.pth", 6_009, "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0", "sha256"),
    ),
    "squeeze": Published(
        RemoteFile(
            "squeezenet1_1-b8a52dc0.pth",
            None,
            "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
            "sha256",
        ),
        RemoteFile("squeeze.pth", 10_811, "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76", "sha256"),
    ),
}


class PerceptualDistance(nn.Module):
    """LPIPS with the trunk `vgg`, `alex` or `squeeze`. It has no trained weights until `load_weights`."""

    shift: Tensor
    scale: Tensor

    def __init__(self, trunk: str) -> None:
        super().__init__()
        self.name = trunk
        self.trunk: Trunk = build_trunk(trunk)
        self.linear = nn.ParameterList(nn.Parameter(torch.zeros(width)) for width in WIDTHS[trunk])
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1))

    def load_weights(self, trunk: dict[str, Tensor], linear: dict[str, Tensor]) -> None:
        """Load the weights of both files.

        trunk: under torchvision's names (`features.0.weight` ...). Other tensors, such as a classifier's, are ignored.
        linear: under the names of LPIPS (`lin0.model.1.weight` ...).

        Raises `DataError` if a tensor is missing or has another shape.
        """
        features = {name: tensor for name, tensor in trunk.items() if name.startswith("features.")}
        shapes = {name: tuple(tensor.shape) for name, tensor in self.trunk.state_dict().items()}
        self.trunk.load_state_dict(check_state(features, shapes, f"the trunk {self.name}"))
        rows = {f"lin{number}.model.1.weight": (1, len(row), 1, 1) for number, row in enumerate(self.linear)}
        weights = check_state(linear, rows, f"LPIPS ({self.name})")
        with torch.no_grad():
            for row, name in zip(self.linear, rows, strict=True):
                row.copy_(weights[name].flatten())

    def maps(self, images: Tensor) -> list[Tensor]:
        """Feature maps (N, F_k, H_k, W_k) of pictures, float (N, C, H, W) in [-1, 1]. Each position has length 1.

        Grey pictures are repeated to RGB. Raises `DataError` for RGBA, and for pictures that are too small for the last
        map.
        """
        channels, height, width = images.shape[1:]
        if channels not in (1, 3):
            raise DataError(f"LPIPS takes grey or RGB pictures, not pictures of {channels} channels: open them as RGB.")
        if min(height, width) < LEAST_SIDE[self.name]:
            raise DataError(
                f"Pictures of {size_text((height, width))} are too small for LPIPS with the trunk {self.name}, which "
                f"needs {LEAST_SIDE[self.name]} pixels each way: open them at a larger size."
            )
        scaled = (images.expand(-1, 3, -1, -1) - self.shift) / self.scale
        return [values / _lengths(values) for values in self.trunk(scaled)]

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """LPIPS (N,) of pairs of pictures, float (N, C, H, W) in [-1, 1]. 0 for equal pictures. Differentiable."""
        if first.shape != second.shape:
            raise DataError(
                f"Pictures of shape {tuple(first.shape[1:])} against {tuple(second.shape[1:])} (channels, height, "
                "width): a pair must be of one shape."
            )
        distance = first.new_zeros(len(first))
        for one, other, row in zip(self.maps(first), self.maps(second), self.linear, strict=True):
            distance = distance + torch.einsum("nfhw,f->nhw", (one - other).square(), row).mean((1, 2))
        return distance


def open_perceptual(trunk: str = "vgg") -> PerceptualDistance:
    """LPIPS with its published weights, frozen. They are fetched if they are not found.

    Raises `ConfigError` for an unknown trunk, and `DataError` if weights cannot be fetched, saying which files to put
    where.
    """
    if trunk not in PUBLISHED:
        raise ConfigError(
            f"There is no trunk {trunk!r} of LPIPS: expected {', '.join(PUBLISHED)}.{nearest_name(trunk, PUBLISHED)}"
        )
    files = PUBLISHED[trunk]
    network = PerceptualDistance(trunk)
    linear = get_weight_file(f"LPIPS ({trunk})", files.linear, _LPIPS, also=(f"lpips_{trunk}.pth",))
    stored = get_weight_file(f"LPIPS ({trunk})", files.trunk, _TORCH)
    network.load_weights(read_weights(stored), read_weights(linear))
    return network.eval().requires_grad_(False)


def _lengths(values: Tensor) -> Tensor:
    # Also added under the root, which has no gradient at 0: there all features of a position are 0.
    return (values.square().sum(1, keepdim=True) + EPSILON**2).sqrt() + EPSILON
