"""`random`: a fixed convolutional network with random weights. It needs no download.

Naeem et al. 2020 (arXiv:2002.09797) recommend random networks for pictures unlike ImageNet's: digits, scans,
drawings. Distances in its features rank sets of one kind well. It does not recognise objects, so it does not replace
`inception` or `dinov2` on photographs.

The input is 64x64 RGB in [-1, 1], with twice its detail (the picture minus its 3x3 mean) as three more channels:
pictures have little power in fine detail, and without these channels noise and compression would have little effect.
Four 3x3 convolutions of stride 2 with orthogonal filters and ReLU follow. The features are, for each convolution, the
means over positions and the logarithms of the deviations over positions. The logarithm weighs all scales equally, since
contrast differs by factors between pictures. The means of the last convolution are over quarters of the picture, which
describes its layout.

Measured at its design: with 1,000 pictures scored against 2,000 of CelebA (64x64) and of Fashion-MNIST, the Frechet
distance rose at each of five levels of blur, noise, JPEG, black rectangles, swirl, salt and pepper, dropped modes and
mixed-in other pictures. The smallest margins were JPEG of quality 60 (1 % above clean pictures of CelebA) and the third
against the fourth level of swirl (1 %). With plain deviations instead of logarithms, JPEG or swirl were out of order;
with unscaled means, swirl was; without the detail channels, the lightest noise had a tenth of its effect.
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
QUARTERS = 2  # cells along each side, in the last layer
DETAIL = 2.0
MEANS = 2.0  # factor of the means, so that layout counts beside contrast
FLOOR = 0.02  # added to deviations before the logarithm: flat pictures have deviation 0
DIMENSION = 2 * sum(WIDTHS) + (QUARTERS**2 - 1) * WIDTHS[-1]
STEP = 2.0**-12  # weights are multiples of this
BLOCK = 32
DIGEST = "937a898b1f7dc649ba960a6e6b789f0f559df338623da174502617aa0507bca8"  # of the measured design


def sample_weights(seed: int = SEED) -> dict[str, Tensor]:
    """The kernels (after, before, 3, 3) of each layer, float32, by name.

    They are rows of random orthogonal matrices, times sqrt(2) since ReLU halves the power. NumPy's `RandomState` gives
    the same numbers in every version. The weights are rounded to multiples of 1/4096, so that rounding differences
    between LAPACK libraries do not matter.
    """
    random = np.random.RandomState(seed)
    weights: dict[str, Tensor] = {}
    before = 6
    for layer, width in enumerate(WIDTHS):
        inputs = 9 * before
        normal = random.standard_normal((inputs, width))
        basis, triangle = np.linalg.qr(normal if inputs >= width else normal.T)
        basis = basis * np.sign(np.diag(triangle))
        rows = basis.T if inputs >= width else basis
        rounded = np.round(np.sqrt(2) * rows / STEP) * STEP
        weights[f"layers.{layer}.weight"] = torch.from_numpy(rounded.reshape(width, before, 3, 3).astype(np.float32))
        before = width
    return weights


def design_digest(weights: dict[str, Tensor]) -> str:
    """The digest over the weights and the constants of the design, which decide the features too."""
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

    def maps(self, images: Tensor) -> list[Tensor]:
        """The outputs of the four convolutions, after ReLU: (N, width, H / stride, W / stride), strides 2, 4, 8, 16."""
        local = functional.avg_pool2d(functional.pad(images, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
        found = torch.cat([images, DETAIL * (images - local)], 1)
        outputs = []
        for layer in self.layers:
            found = functional.relu(layer(found))
            outputs.append(found)
        return outputs

    def forward(self, images: Tensor) -> Features:
        """For each layer: the means, then the logarithms of the deviations."""
        parts = []
        for layer, found in enumerate(self.maps(images)):
            cells = QUARTERS if layer == len(WIDTHS) - 1 else 1
            deviations = found.var((2, 3), unbiased=False).sqrt()
            parts += [MEANS * functional.adaptive_avg_pool2d(found, cells).flatten(1), (deviations + FLOOR).log()]
        return Features(torch.cat(parts, 1))


def open_random(resize: str = "lanczos") -> ModuleFeatures:
    """The random network. `resize`: one of `resizing.FILTERS`."""
    weights = sample_weights()
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
