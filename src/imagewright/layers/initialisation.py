"""Initial weights that several published systems share."""

from __future__ import annotations

from torch import nn

from imagewright.memoryless import is_to_be_loaded


def initialise_orthogonal(module: nn.Module) -> None:
    """Orthogonal weights of convolutions, linear layers and embeddings; biases keep PyTorch's initial values.

    Saxe et al. 2014, arXiv:1312.6120. To be passed to `nn.Module.apply`.
    """
    if isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding) and not is_to_be_loaded():
        nn.init.orthogonal_(module.weight)


def initialise_normal(module: nn.Module, deviation: float = 0.02) -> None:
    """Weights of convolutions and linear layers from N(0, deviation), of batch norms from N(1, deviation), biases 0.

    Radford et al. 2015, arXiv:1511.06434, section 4. To be passed to `nn.Module.apply`.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, deviation)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, deviation)
        nn.init.zeros_(module.bias)


def initialise_convolutions(module: nn.Module, deviation: float = 0.02) -> None:
    """Weights of convolutions from N(0, deviation); biases, norms and linear layers keep PyTorch's initial values.

    As in the published code of DRIT (Lee et al. 2018, arXiv:1808.00948). To be passed to `nn.Module.apply`.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, deviation)


def initialise_kaiming(module: nn.Module) -> None:
    """Weights of convolutions and linear layers from N(0, 2 / fan-in), biases 0.

    He et al. 2015, arXiv:1502.01852, eq. 10. To be passed to `nn.Module.apply`.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def initialise_xavier(module: nn.Module, gain: float = 0.02) -> None:
    """Weights of convolutions and linear layers with variance 2 gain^2 / (fan in + fan out), biases 0.

    Glorot & Bengio 2010, eq. 12, as a normal distribution; the gain is that of the published code of CUT. Weights of
    batch norms are from N(1, gain). To be passed to `nn.Module.apply`.
    """
    initialise_normal(module, gain)
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.xavier_normal_(module.weight, gain)
