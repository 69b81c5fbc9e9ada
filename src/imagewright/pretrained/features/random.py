"""`random`: a fixed convolutional network whose weights were drawn, not learned. It needs no download.

Naeem et al. 2020 (arXiv:2002.09797) recommend random networks where pictures are unlike ImageNet's: digits, scans,
drawings. Distances in it order sets of one kind well; they know nothing of what is in a picture, so that it is no
substitute for `inception` or `dinov2` on photographs.

Pictures come as 64x64 RGB in [-1, 1], with twice their detail (the picture less its 3x3 mean) as three more channels:
pictures have little power in fine detail, and without that noise and compression would hardly count. Four 3x3
convolutions of stride 2 with orthogonal filters and ReLU follow. Of each, the mean over positions is a feature, and the
logarithm of the deviation over positions: contrast differs by factors between pictures, and so each scale counts alike.
The means of the deepest are of each quarter of the picture, which tells how it is laid out.

Measured when it was designed: with 1,000 pictures judged against 2,000 of CelebA (64x64) and of Fashion-MNIST, the
Frechet distance rose at every one of five levels of blur, noise, JPEG, black rectangles, swirl, salt and pepper, modes
dropped and other pictures mixed in. Closest calls: JPEG of quality 60 (1 % above clean pictures of CelebA) and the
third against the fourth swirl (1 %). With plain deviations in place of logarithms, JPEG or swirl were out of order;
with means at their own scale, swirl was; without the detail, the lightest noise counted a tenth as much.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from imagewright.pixels import to_float
from imagewright.pretrained.features.contract import About, Features
from imagewright.pretrained.features.module import ModuleFeatures
from imagewright.pretrained.resizing import check_filter
from imagewright.pretrained.weights import weights_digest

SIDE = 64
SEED = 0
WIDTHS = (32, 48, 64, 64)
QUARTERS = 2  # a side, in the deepest layer
DETAIL = 2.0
MEANS = 2.0  # what means are multiplied by, so that layout counts beside contrast
FLOOR = 0.02  # of deviations, before the logarithm: flat pictures have none
DIMENSION = 2 * sum(WIDTHS) + (QUARTERS**2 - 1) * WIDTHS[-1]
STEP = 2.0**-12  # weights are multiples of it
BLOCK = 32
DIGEST = "937a898b1f7dc649ba960a6e6b789f0f559df338623da174502617aa0507bca8"  # of the design as it was measured


def drawn_weights(seed: int = SEED) -> dict[str, Tensor]:
    """The kernels (after, before, 3, 3) of each layer, float32, by name.

    Rows of orthogonal matrices, times sqrt(2) for the half that ReLU takes. Drawn by NumPy's `RandomState`, whose
    numbers never change with versions, and rounded to multiples of 1/4096, so that another LAPACK's last bits do not
    matter.
    """
    random = np.random.RandomState(seed)
    weights: dict[str, Tensor] = {}
    before = 6
    for layer, width in enumerate(WIDTHS):
        inputs = 9 * before
        drawn = random.standard_normal((inputs, width))
        basis, triangle = np.linalg.qr(drawn if inputs >= width else drawn.T)
        basis = basis * np.sign(np.diag(triangle))
        rows = basis.T if inputs >= width else basis
        rounded = np.round(np.sqrt(2) * rows / STEP) * STEP
        weights[f"layers.{layer}.weight"] = torch.from_numpy(rounded.reshape(width, before, 3, 3).astype(np.float32))
        before = width
    return weights


def design_digest(weights: dict[str, Tensor]) -> str:
    """The digest over the weights and the constants, which decide the features as much."""
    constants = {"detail": DETAIL, "means": MEANS, "floor": FLOOR, "quarters": float(QUARTERS)}
    return weights_digest({**weights, **{name: torch.tensor(value) for name, value in constants.items()}})


class RandomNetwork(nn.Module):
    """float32 (N, 3, 64, 64) in [-1, 1] to 608 features."""

    def __init__(self) -> None:
        super().__init__()
        befores = (6, *WIDTHS[:-1])
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
            for before, after in zip(befores, WIDTHS, strict=True)
        )

    def forward(self, images: Tensor) -> Features:
        """Layer by layer: the means, then the logarithms of the deviations."""
        local = functional.avg_pool2d(functional.pad(images, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
        found = torch.cat([images, DETAIL * (images - local)], 1)
        parts = []
        for layer in self.layers:
            found = functional.relu(layer(found))
            cells = QUARTERS if layer is self.layers[-1] else 1
            deviations = found.var((2, 3), unbiased=False).sqrt()
            parts += [MEANS * functional.adaptive_avg_pool2d(found, cells).flatten(1), (deviations + FLOOR).log()]
        return Features(torch.cat(parts, 1))


def open_random(resize: str = "lanczos") -> ModuleFeatures:
    """The random network. `resize`: one of `resizing.FILTERS`."""
    weights = drawn_weights()
    network = RandomNetwork()
    network.load_state_dict(weights)
    about = About(
        name="random",
        digest=design_digest(weights),
        dimension=DIMENSION,
        size=(SIDE, SIDE),
        resize=check_filter(resize),
        channels=3,
        value_range="-1 to 1",
        licence="Apache-2.0",
    )
    return ModuleFeatures(about, network, to_float, block=BLOCK)
