"""Spectral normalisation: weights divided by an estimate of their largest singular value.

Miyato et al. 2018, arXiv:1802.05957, algorithm 1: one power iteration at each forward pass, from the vector that the
pass before left. The vectors count as constants in the gradient (eq. 12). A weight of more than two dimensions is the
matrix of its first dimension and all others. Vectors and singular values are computed in fp32.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, embedding, linear, normalize

Evaluation = Literal["iterated", "stored"]
"""The vectors of evaluation mode: "iterated", one iteration at each pass, which is not kept (BigGAN's published code);
"stored", those of the last iteration of training (`torch.nn.utils.spectral_norm`)."""


class SpectrallyNormalised(nn.Module):
    """Mix-in of layers with a weight that is normalised.

    u: buffer, the left singular vector: (1, rows) with "iterated", (rows,) with "stored".
    singular_value: buffer (1,) of the last pass in training, with "iterated".
    v: buffer (columns,), the right singular vector, with "stored".
    """

    weight: Tensor
    u: Tensor
    v: Tensor
    singular_value: Tensor

    def track_spectrum(self, eps: float, evaluation: Evaluation) -> None:
        """Register the buffers. Called once, after the weight is there.

        eps: the least norm by which a vector is divided.
        """
        self.spectral_eps, self.evaluation = eps, evaluation
        rows, columns = self.weight.shape[0], self.weight[0].numel()
        if evaluation == "stored":
            self.register_buffer("u", normalize(torch.randn(rows), dim=0))
            self.register_buffer("v", normalize(torch.randn(columns), dim=0))
        else:
            self.register_buffer("u", torch.randn(1, rows))
            self.register_buffer("singular_value", torch.ones(1))

    def normalised_weight(self) -> Tensor:
        """The weight divided by its largest singular value. In training mode the vectors are moved."""
        with torch.autocast(self.weight.device.type, enabled=False):
            matrix = self._matrix()
            with torch.no_grad():
                u, v = self._vectors(matrix)
            value = torch.dot(u, torch.mv(matrix, v))
            if self.training and self.evaluation == "iterated":
                self.singular_value.copy_(value.detach()[None])
            return self.weight / value

    def _unit(self, vector: Tensor) -> Tensor:
        """As `normalize`, whose own work takes as long as these vectors."""
        return vector / torch.linalg.vector_norm(vector).clamp(min=self.spectral_eps)

    def _matrix(self) -> Tensor:
        """The weight as a matrix. The order of its columns matters to a stored `v` alone."""
        weight = self.weight
        if weight.ndim == 4 and self.evaluation == "iterated":
            weight = weight.permute(0, 2, 3, 1)  # as it is in memory with channels_last, so that it is not copied
        return weight.flatten(1)

    def _vectors(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        """Both singular vectors after one iteration, or the stored ones."""
        if self.evaluation == "stored" and not self.training:
            return self.u.clone(), self.v.clone()
        v = self._unit(torch.mv(matrix.t(), self.u.flatten()))
        u = self._unit(torch.mv(matrix, v))
        if self.training:
            self.u.copy_(u.view_as(self.u))
            if self.evaluation == "stored":
                self.v.copy_(v)
        return u, v


class SpectralConvolution(nn.Conv2d, SpectrallyNormalised):
    """`nn.Conv2d` with a normalised weight, padded so that its outputs are as large as its inputs, or 1 / stride of it.

    kernel: odd with stride 1, even with stride 2.
    eps, evaluation: see `SpectrallyNormalised`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        bias: bool = True,
        eps: float,
        evaluation: Evaluation,
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding=(kernel - stride + 1) // 2, bias=bias)
        self.track_spectrum(eps, evaluation)

    def forward(self, maps: Tensor) -> Tensor:
        return conv2d(maps, self.normalised_weight(), self.bias, self.stride, self.padding)


def pointwise(inputs: int, outputs: int, *, eps: float, evaluation: Evaluation) -> SpectralConvolution:
    """A 1x1 convolution without bias."""
    return SpectralConvolution(inputs, outputs, 1, bias=False, eps=eps, evaluation=evaluation)


class SpectralLinear(nn.Linear, SpectrallyNormalised):
    """`nn.Linear` with a normalised weight."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True, eps: float, evaluation: Evaluation) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.track_spectrum(eps, evaluation)

    def forward(self, vectors: Tensor) -> Tensor:
        return linear(vectors, self.normalised_weight(), self.bias)


class SpectralEmbedding(nn.Embedding, SpectrallyNormalised):
    """A vector for each class, with the matrix of all of them normalised."""

    def __init__(self, classes: int, size: int, *, eps: float, evaluation: Evaluation) -> None:
        super().__init__(classes, size)
        self.track_spectrum(eps, evaluation)

    def forward(self, conditions: Tensor) -> Tensor:
        """Classes, int64 (N,), or their weights, (N, classes), to vectors (N, size)."""
        return embed(conditions, self.normalised_weight())


def embed(conditions: Tensor, vectors: Tensor) -> Tensor:
    """Rows of `vectors` (K, F) of classes, int64 (N,); or the sum of rows by their weights (N, K): (N, F)."""
    if conditions.is_floating_point():
        return conditions.to(vectors.dtype) @ vectors
    return embedding(conditions, vectors)
