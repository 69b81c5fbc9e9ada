"""The face mesh: 468 points of a face with their depth, 0.6 million parameters.

Kartynnik et al. 2019, "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", arXiv:1907.06724; layers
are those of the published file of MediaPipe (Apache-2.0). Shape letters: N crops.
"""

from __future__ import annotations

from torch import Tensor, nn

from imagewright.pretrained.faces.blaze_blocks import BlazeBlock
from imagewright.pretrained.same_convolution import SameConv

SIDE = 192  # pixels of the input
POINTS = 468
STEM = 16
# (channels, stride) of each block of the trunk, then of the two branches.
TRUNK = (
    *((16, 1), (16, 1), (32, 2), (32, 1), (32, 1), (64, 2), (64, 1), (64, 1)),
    *((128, 2), (128, 1), (128, 1), (128, 2), (128, 1), (128, 1)),
)
MESH_BRANCH = ((128, 2), (128, 1), (128, 1))
PRESENCE_BRANCH = ((128, 2),)
NARROW = 32


class FaceMesh(nn.Module):
    """Crops (N, 3, 192, 192) in [0, 1] to points (N, 468, 3), x y and depth in pixels of the crop, and the logit (N,)
    of there being a face."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM, 3, 2, bias=True)
        self.activation = nn.PReLU(STEM)
        self.trunk = _build_blocks(STEM, TRUNK)
        self.mesh = _build_branch(MESH_BRANCH, POINTS * 3)
        self.presence = _build_branch(PRESENCE_BRANCH, 1)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        values = self.trunk(self.activation(self.stem(crops)))
        return self.mesh(values).reshape(len(crops), POINTS, 3), self.presence(values).reshape(len(crops))


def _build_blocks(inputs: int, blocks: tuple[tuple[int, int], ...]) -> nn.Sequential:
    layers = []
    for outputs, stride in blocks:
        layers.append(BlazeBlock(inputs, outputs, stride, nn.PReLU(outputs)))
        inputs = outputs
    return nn.Sequential(*layers)


def _build_branch(blocks: tuple[tuple[int, int], ...], outputs: int) -> nn.Sequential:
    """Blocks, then a narrow block, and a convolution over the 3x3 map that is left."""
    return nn.Sequential(
        _build_blocks(128, blocks),
        nn.Conv2d(128, NARROW, 1),
        nn.PReLU(NARROW),
        BlazeBlock(NARROW, NARROW, 1, nn.PReLU(NARROW)),
        nn.Conv2d(NARROW, outputs, 3),
    )


def rename_face_mesh(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the published file under the names of `FaceMesh`."""
    renamed: dict[str, Tensor] = {}

    def take(ours: str, theirs: str) -> None:
        renamed[f"{ours}.weight"] = published[f"{theirs}/Kernel"]
        renamed[f"{ours}.bias"] = published[f"{theirs}/Bias"]

    def take_slopes(ours: str, number: int) -> None:
        renamed[f"{ours}.weight"] = published["p_re_lu" + (f"_{number}" if number else "") + "/Alpha"].flatten()

    def take_block(ours: str, depthwise: int, pointwise: int, slopes: int) -> None:
        take(f"{ours}.depthwise", "depthwise_conv2d" + (f"_{depthwise}" if depthwise else ""))
        take(f"{ours}.pointwise", f"conv2d_{pointwise}")
        take_slopes(f"{ours}.activation", slopes)

    take("stem", "conv2d")
    take_slopes("activation", 0)
    for number in range(len(TRUNK)):
        take_block(f"trunk.{number}", number, number + 1, number + 1)
    for number in range(len(MESH_BRANCH)):
        take_block(f"mesh.0.{number}", 14 + number, 15 + number, 15 + number)
    take_block("presence.0.0", 22, 27, 25)
    for branch, narrow, slopes, depthwise in (("mesh", 18, 18, 17), ("presence", 28, 26, 23)):
        take(f"{branch}.1", f"conv2d_{narrow}")
        take_slopes(f"{branch}.2", slopes)
        take_block(f"{branch}.3", depthwise, narrow + 1, slopes + 1)
        take(f"{branch}.4", f"conv2d_{narrow + 2}")
    return renamed
