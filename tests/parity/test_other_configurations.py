"""Published networks in configurations that the shared cases do not have, written out as their authors build them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from cases import Loading, loading_of
from tiny import tiny_model
from torch import nn

import imagewright as iw
from imagewright.checkpoints import load_network
from imagewright.checkpoints.adapter import export_state
from imagewright.checkpoints.importing import find_adapter
from imagewright.errors import ConfigError


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


def test_munit_discriminator_with_spectral_norms() -> None:
    """As its authors' layer computes: one round of the power iteration from the vectors in the file."""
    generator = torch.Generator().manual_seed(2)
    shapes = {"0.conv": (4, 3, 4, 4), "1.conv.module": (8, 4, 4, 4), "2": (1, 8, 1, 1)}
    state = {f"cnns.0.{name}.weight": torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    state |= {f"cnns.0.{name}.bias": torch.randn(shape[0], generator=generator) for name, shape in shapes.items()}
    bar = state.pop("cnns.0.1.conv.module.weight")
    u, v = torch.randn(8, generator=generator), torch.randn(64, generator=generator)
    state |= {
        f"cnns.0.1.conv.module.weight_{name}": tensor
        for name, tensor in {"u": u / u.norm(), "v": v / v.norm(), "bar": bar}.items()
    }
    constructor = "MsImageDis(3, {'dim': 4, 'norm': 'sn', 'activ': 'none', 'n_layer': 2, 'num_scales': 1})"
    loading = loading_of("munit", "ms_image_dis", constructor, "eval mode")
    loaded = load_network("munit", loading.network, state, **loading.options)

    matrix = bar.flatten(1)
    v = matrix.T @ (u / u.norm())
    u = matrix @ (v / v.norm())
    sigma = (u / u.norm()) @ matrix @ (v / v.norm())
    maps = picture(3, 32)
    for name, weight in (("0.conv", state["cnns.0.0.conv.weight"]), ("1.conv.module", bar / sigma)):
        padded = nn.functional.pad(maps, (1, 1, 1, 1), "reflect")
        maps = nn.functional.conv2d(padded, weight, state[f"cnns.0.{name}.bias"], stride=2)
    maps = nn.functional.conv2d(maps, state["cnns.0.2.weight"], state["cnns.0.2.bias"])
    torch.testing.assert_close(loaded(image=picture(3, 32))["scale0"], maps, atol=1e-5, rtol=1e-5)


def without_activations(module: nn.Module) -> nn.Module:
    for name, part in module.named_children():
        if isinstance(part, nn.ReLU):
            setattr(module, name, nn.Identity())
        without_activations(part)
    return module


def test_munit_generator_without_activations() -> None:
    model = tiny_model("munit").eval()
    state = export_state(model.generator_a, find_adapter("munit").networks["generator_a"])
    constructor = "AdaINGen(3, {'dim': 4, 'activ': 'none', 'pad_type': 'reflect'})"
    loading = loading_of("munit", "adain_gen", constructor, "eval mode")
    loaded = load_network("munit", loading.network, state, **loading.options)
    encoder = model.generator_a.content_encoder
    plain = encoder(picture(3, 16))
    without = without_activations(encoder)(picture(3, 16))
    assert not torch.allclose(plain, without)
    torch.testing.assert_close(loaded(image=picture(3, 16))["content"], without)


def global_generator(inputs: int, outputs: int) -> nn.Sequential:
    """pix2pixHD's `GlobalGenerator` of width 4, one halving and no blocks."""

    def normed(channels: int) -> list[nn.Module]:
        return [nn.InstanceNorm2d(channels), nn.ReLU()]

    layers = [nn.ReflectionPad2d(3), nn.Conv2d(inputs, 4, 7), *normed(4), nn.Conv2d(4, 8, 3, 2, 1), *normed(8)]
    layers += [nn.ConvTranspose2d(8, 4, 3, 2, 1, 1), *normed(4), nn.ReflectionPad2d(3), nn.Conv2d(4, outputs, 7)]
    return nn.Sequential(*layers, nn.Tanh())


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 3), (1, 2), (2, 1), (36, 5)])
def test_pix2pixhd_without_residual_blocks_and_with_any_channels(inputs: int, outputs: int) -> None:
    published = global_generator(inputs, outputs)
    state = filled(Under(model=published)).state_dict()
    constructor = f"define_G({inputs}, {outputs}, 4, 'global', 1, 0, 1, 3, 'instance')"
    loading = loading_of("pix2pixhd", "global_generator", constructor, "eval mode")
    loaded = load_network("pix2pixhd", loading.network, state, **loading.options)
    torch.testing.assert_close(loaded(label=picture(inputs, 16)), published(picture(inputs, 16)))


@pytest.mark.parametrize("channels", [2, 3, 5, 38])
def test_pix2pixhd_discriminator_of_any_channels(channels: int) -> None:
    first = nn.Sequential(nn.Conv2d(channels, 4, 4, 2, 2), nn.LeakyReLU(0.2))
    middle = nn.Sequential(nn.Conv2d(4, 8, 4, 1, 2), nn.InstanceNorm2d(8), nn.LeakyReLU(0.2))
    last = nn.Sequential(nn.Conv2d(8, 1, 4, 1, 2))
    state = filled(Under(scale0_layer0=first, scale0_layer1=middle, scale0_layer2=last)).state_dict()
    loaded = load_network("pix2pixhd", "discriminator", state)
    judged = last(middle(first(picture(channels, 16))))
    torch.testing.assert_close(loaded(image=picture(channels, 16))["scale0_layer2"], judged)


def test_pix2pix_from_grey_to_the_two_colours_of_a_photo(tmp_path: Path) -> None:
    """The published colourisation: L in, a and b out. Loaded alone; a run has pictures of 1, 3 or 4 channels."""
    model, network = tiny_model("pix2pix"), find_adapter("pix2pix").networks["generator"]
    config = dataclasses.replace(model.config, layer_channels={"input": 1, "target": 2})
    torch.manual_seed(0)
    ours = network.build(config).eval()
    state = export_state(ours, network)
    loading = loading_of("pix2pix", "unet", "define_G(1, 2, 4, 'unet_256', norm='batch')", "eval mode")
    options = loading.options | {"size": model.config.size, "statistics": config.statistics}
    loaded = load_network("pix2pix", loading.network, state, **options)
    torch.testing.assert_close(loaded(image=picture(1, 16)), ours(picture(1, 16)))
    torch.save(state, tmp_path / "colours.pth")
    with pytest.raises(ConfigError, match=r"makes 2 channels, and pictures here have 3: .*1, 3 or 4"):
        iw.import_checkpoint(tmp_path / "colours.pth", "pix2pix", size=model.config.size)


@pytest.mark.parametrize("network", ["mapping_network", "style_encoder", "discriminator"])
def test_stargan_v2_of_one_domain(network: str) -> None:
    model, declared = tiny_model("stargan_v2"), find_adapter("stargan_v2").networks[network]
    config = dataclasses.replace(model.config, class_names=("cat",))
    torch.manual_seed(0)
    ours = declared.build(config).eval()
    loaded = load_network("stargan_v2", network, export_state(ours, declared), size=config.size)
    given = {"domain": torch.zeros(2, dtype=torch.long)}
    given |= {"latent": torch.ones(2, config.latent_dim)} if "mapping" in network else {"image": picture(3, 16)}
    found, expected = loaded(**given), declared.forward(ours, **given)
    torch.testing.assert_close(found, expected)


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
