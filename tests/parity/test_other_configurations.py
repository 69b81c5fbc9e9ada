"""Published networks in configurations that the shared cases do not have, written out as their authors build them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from cases import Loading, loading_of
from torch import nn

from imagewright.checkpoints import load_network


def filled(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.2 + (0.5 if "running_var" in name else -0.1))
    return network.eval()


def picture(channels: int, side: int) -> torch.Tensor:
    return torch.rand(2, channels, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


class Under(nn.Module):
    """A network under the name of an attribute."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


def test_convolutions_without_any_norm_have_no_bias() -> None:
    pixel = nn.Sequential(
        nn.Conv2d(6, 4, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(4, 8, 1, bias=False),
        nn.Identity(),
        nn.LeakyReLU(0.2),
        nn.Conv2d(8, 1, 1, bias=False),
    )
    state = filled(Under(net=pixel)).state_dict()
    loaded = load_network("pix2pix", "discriminator", state)
    torch.testing.assert_close(loaded(image=picture(6, 8))["prediction"], pixel(picture(6, 8)))


@pytest.mark.parametrize("channels", [2, 4, 7])
def test_a_discriminator_of_pairs_of_unequal_pictures(channels: int) -> None:
    layers = nn.Sequential(
        nn.Conv2d(channels, 4, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(4, 8, 4, 1, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.LeakyReLU(0.2),
        nn.Conv2d(8, 1, 4, 1, 1),
    )
    state = filled(Under(model=layers)).state_dict()
    loaded = load_network("pix2pix", "discriminator", state)
    torch.testing.assert_close(loaded(image=picture(channels, 16))["prediction"], layers(picture(channels, 16)))


def test_munit_discriminator_with_learned_slopes() -> None:
    block = Under(conv=nn.Conv2d(3, 4, 4, 2), activation=nn.PReLU())
    scale = nn.Sequential(block, nn.Conv2d(4, 1, 1))
    state = filled(Under(cnns=nn.ModuleList([scale]))).state_dict()
    loaded = load_network("munit", "discriminator", state, discriminator_layers=1)
    padded = nn.functional.pad(picture(3, 16), (1, 1, 1, 1), "reflect")
    inner = block.activation(block.conv(padded))  # type: ignore[operator]
    torch.testing.assert_close(loaded(image=picture(3, 16))["scale0"], scale[1](inner))


@pytest.mark.parametrize(
    ("system", "constructor", "network", "options"),
    [
        ("cyclegan", "define_G(1, 3, 64, 'resnet_6blocks', norm='batch')", "generator", {"norm": "batch"}),
        ("pix2pix", "define_D(6, 64, 'n_layers', n_layers_D=5, norm='none')", "discriminator", {"norm": "none"}),
        ("pix2pixhd", "define_D(6, 64, 3, 'batch', True, 1, False)", "discriminator", {"loss": "non_saturating"}),
        ("pix2pixhd", "define_G(3, 3, 16, 'encoder', 4, norm='batch')", "encoder", {}),
        ("munit", "MsImageDis(3, {'activ': 'relu', 'norm': 'ln'})", "discriminator", {"discriminator_norm": "layer"}),
        ("unit", "VAEGen(3, {'activ': 'prelu', 'pad_type': 'zero'})", "generator", {"padding": "zero"}),
        ("drit", "Dis(3, norm='None', sn=True)", "discriminator", {}),
        ("stargan", "Generator(conv_dim=32, c_dim=7, repeat_num=3)", "generator", {"statistics": "running"}),
    ],
)
def test_network_and_options_of_a_case(system: str, constructor: str, network: str, options: dict[str, Any]) -> None:
    loading = loading_of(system, "stem", constructor, "eval mode")
    assert isinstance(loading, Loading)
    assert loading.network == network
    assert options.items() <= loading.options.items()
