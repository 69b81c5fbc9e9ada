"""The perceptual loss of pix2pixHD: the distance of two pictures in the blocks of a fixed network.

Wang et al. 2018, arXiv:1711.11585, appendix, after Johnson et al. 2016, arXiv:1603.08155: VGG-19 after relu1_1 ...
relu5_1, or where its weights are not there the same layers of HED, whose convolutions are VGG-16's, tuned for edges.
Shape letters: N pictures, C H W.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from imagewright.downloads import RemoteFile
from imagewright.pretrained.hed import PACKAGE, find_hed, open_hed
from imagewright.pretrained.perceptual_trunks import build_trunk
from imagewright.pretrained.weights import check_state, find_weight_file, get_weight_file, read_weights

WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)  # of the five layers
VGG19 = RemoteFile("vgg19-dcbb9e9d.pth", None, "dcbb9e9d", "sha256")
_TORCH = ("https://download.pytorch.org/models/",)
EPSILON = 1e-8


class PerceptualBlocks(nn.Module):
    """The weighted mean absolute distance of five maps of two pictures, a scalar.

    network: from pictures (N, 3, H, W) in [-1, 1] to five maps.
    relative: whether each distance is divided by the mean size of the wanted picture's map, for networks whose maps are
        larger than VGG-19's by a factor that differs from layer to layer.
    """

    def __init__(self, network: nn.Module, maps: Callable[[Tensor], list[Tensor]], *, relative: bool) -> None:
        super().__init__()
        self.network, self.maps, self.relative = network, maps, relative

    def forward(self, made: Tensor, wanted: Tensor) -> Tensor:
        """made, wanted: (N, C, H, W) in [-1, 1]. Grey pictures are repeated to RGB, of RGBA the colours are taken."""
        with torch.no_grad():
            real = self.maps(_as_colour(wanted))
        distances = []
        for weight, one, other in zip(WEIGHTS, self.maps(_as_colour(made)), real, strict=True):
            size = other.abs().mean() + EPSILON if self.relative else 1.0
            distances.append(weight * (one - other).abs().mean() / size)
        return torch.stack(distances).sum()


def open_perceptual_blocks(name: str = "auto") -> tuple[PerceptualBlocks | None, str]:
    """The perceptual loss of a network, and a sentence on which it is.

    name: "vgg" (fetched if it is not there), "hed", or "auto": the first of them whose weights are on this machine.

    Returns None for the loss if "auto" finds no weights. Raises `DataError` for weights that cannot be had.
    """
    if name == "vgg" or (name == "auto" and find_weight_file(VGG19) is not None):
        return _open_vgg(), "the perceptual loss is that of VGG-19"
    if name == "hed" or find_hed() is not None:
        network = open_hed()
        loss = PerceptualBlocks(network, lambda images: network.maps(images)[0], relative=True)
        return (
            loss,
            "the perceptual loss is taken of HED's blocks, in place of VGG-19's (--perceptual vgg fetches them)",
        )
    return None, (
        f"the perceptual loss is left out: neither the weights of VGG-19 ({VGG19.name}) nor those of HED ({PACKAGE}) "
        "are on this machine (--perceptual vgg fetches the former, --perceptual hed says how to get the latter)"
    )


def _open_vgg() -> PerceptualBlocks:
    trunk = build_trunk("vgg19")
    stored = read_weights(get_weight_file("VGG-19", VGG19, _TORCH))
    shapes = {key: tuple(tensor.shape) for key, tensor in trunk.state_dict().items()}
    kept = {key: tensor for key, tensor in stored.items() if key in shapes}  # not those after the last map
    trunk.load_state_dict(check_state(kept, shapes, "VGG-19"))
    return PerceptualBlocks(trunk, trunk, relative=False)


def _as_colour(images: Tensor) -> Tensor:
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images[:, :3]
