"""StarGAN and StarGAN v2 from published state dicts: recorded outputs, options from shapes, whole files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from cases import TOLERANCE, parity_module, run_case
from torch import Tensor, nn

import imagewright as iw
from imagewright.checkpoints import import_checkpoint, load_network
from imagewright.errors import RunError, UserError
from imagewright.layers.style_residual import HighPass
from imagewright.models.translation.stargan import StarGAN, StarGANConfig
from imagewright.models.translation.stargan_v2 import StarGANv2, StarGANv2Config

# Those of stargan_v2 are computed by the script: see test_translation_parity.py.
CASES = (
    pytest.param("stargan/discriminator", marks=pytest.mark.learning),
    "stargan/generator",
    "stargan/generator_eval",
)
FACES = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")


@pytest.mark.parametrize("name", CASES)
def test_the_published_outputs(name: str, shared_parity: Path) -> None:
    system, _, stem = name.partition("/")
    assert run_case(parity_module(shared_parity), shared_parity, system, stem) < TOLERANCE


def stargan(**options: Any) -> StarGAN:
    torch.manual_seed(0)
    usual = {"size": (32, 32), "channels": 3, "attribute_names": FACES, "width": 6, "blocks": 2}
    return StarGAN(StarGANConfig(**(usual | {"discriminator_width": 5, "discriminator_layers": 3} | options)))


def stargan_v2(**options: Any) -> StarGANv2:
    torch.manual_seed(0)
    usual = {"size": (64, 64), "channels": 3, "class_names": ("cat", "dog", "wild"), "width": 6, "widest": 10}
    return StarGANv2(StarGANv2Config(**(usual | {"style_dim": 7, "latent_dim": 3, "mapping_width": 9} | options)))


def filled(network: nn.Module) -> dict[str, Tensor]:
    """A state dict as the authors' code has it: in no initial state, each tensor named by its layer."""
    generator = torch.Generator().manual_seed(1)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point() and tensor.ndim != 2:
            tensor.copy_(tensor + 0.1 * torch.rand(tensor.shape, generator=generator))
    return network.state_dict()


@pytest.mark.parametrize("options", [{"channels": 1}, {"width": 9, "blocks": 5}, {"attribute_names": FACES[:2]}])
def test_the_shapes_tell_the_options_of_a_stargan(options: dict[str, Any]) -> None:
    model = stargan(size=(48, 32), **options).eval()
    images = torch.rand(2, model.config.channels, 48, 32)
    labels = torch.rand(2, len(model.config.attribute_names))
    state = {f"module.{name}": tensor for name, tensor in filled(model.generator).items()}
    state |= {
        f"{name.removesuffix('weight')}running_mean": torch.ones(3) for name in state if name.endswith("1.weight")
    }
    with torch.no_grad():
        made = load_network("stargan", "generator", state)(image=images, label=labels)
        torch.testing.assert_close(made, model.generator(images, labels))
        found = load_network("stargan", "discriminator", filled(model.discriminator))(image=images)
        torch.testing.assert_close(found["classes"], model.discriminator(images)[1])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"channels": 1, "size": (32, 48)},
        {"high_pass": 1.0},
        {"high_pass": 0.25, "size": (128, 128), "width": 4},
        {"class_names": ("one", "two")},
        {"widest": 700, "width": 3},
        {"size": (32, 32), "width": 40, "widest": 24},
    ],
)
def test_the_shapes_tell_the_options_of_a_stargan_v2(options: dict[str, Any]) -> None:
    model = stargan_v2(**options).eval()
    images = torch.rand(2, model.config.channels, *model.config.size)
    domains, latents, styles = torch.tensor([1, 0]), torch.rand(2, 3), torch.rand(2, 7)
    masks = (torch.rand(2, 1, *images.shape[2:]), torch.rand(2, 1, *images.shape[2:]))
    networks = {
        name: load_network("stargan_v2", name, filled(model.get_submodule(name)))
        for name in ("generator", "mapping_network", "style_encoder", "discriminator")
    }
    with torch.no_grad():
        torch.testing.assert_close(networks["generator"](image=images, style=styles), model.generator(images, styles))
        if model.config.high_pass:
            both = networks["generator"](image=images, style=styles, mask_0=masks[0], mask_1=masks[1])
            torch.testing.assert_close(both["image_masked"], model.generator(images, styles, masks))
            assert not torch.equal(both["image"], both["image_masked"])
        made = networks["mapping_network"](latent=latents, domain=domains)
        torch.testing.assert_close(made, model.mapping_network(latents, domains))
        made = networks["style_encoder"](image=images, domain=domains)
        torch.testing.assert_close(made, model.style_encoder(images, domains))
        found = networks["discriminator"](image=images, domain=domains)
        torch.testing.assert_close(found["logits"], model.discriminator(images))
        assert torch.equal(found["logit"], found["logits"][[0, 1], [1, 0]])


def test_a_file_from_before_the_filter_was_saved_has_the_published_high_pass() -> None:
    model = stargan_v2(size=(64, 64), width=256, widest=256, high_pass=1.0).eval()
    state = {name: tensor for name, tensor in model.generator.state_dict().items() if name != "hpf.filter"}
    loaded = load_network("stargan_v2", "generator", state)
    assert torch.equal(loaded.network.hpf.filter, HighPass(1.0).filter)


def test_both_files_of_a_stargan_translate_attributes_and_leave_the_others(tmp_path: Path) -> None:
    model = stargan()
    torch.save(filled(model.generator), tmp_path / "200000-G.ckpt")
    torch.save(filled(model.discriminator), tmp_path / "200000-D.ckpt")
    files = [tmp_path / "200000-G.ckpt", tmp_path / "200000-D.ckpt"]
    loaded = import_checkpoint(files, "stargan", tmp_path / "run")
    assert loaded.config.size == (32, 32)
    assert loaded.attribute_names == FACES
    pictures = torch.randint(0, 256, (2, 3, 30, 45), dtype=torch.uint8)
    assert iw.translate(tmp_path / "run", pictures, to={"Male": 1}).shape == pictures.shape
    import_checkpoint(files[0], "stargan", tmp_path / "alone")
    with pytest.raises(UserError, match=r"no discriminator.*import its file too, or give all attributes: Black_Hair"):
        iw.translate(tmp_path / "alone", pictures, to={"Male": 1})
    assert iw.translate(tmp_path / "alone", pictures, to=dict.fromkeys(FACES, 1)).shape == pictures.shape


def test_networks_of_two_sets_take_labels_of_both_and_the_mask(tmp_path: Path) -> None:
    two = {"condition": "both", "attribute_names": ("Male", "Young"), "class_names": ("angry", "happy", "sad")}
    model = stargan(**two).eval()
    torch.save(filled(model.generator), tmp_path / "G.ckpt")
    import_checkpoint(tmp_path / "G.ckpt", "stargan", tmp_path / "run", size=(32, 32), **two)
    pictures = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    images = pictures / 127.5 - 1
    for to, vector in (("happy", [0, 0, 0, 1, 0, 0, 1]), ({"Male": 1, "Young": 0}, [1, 0, 0, 0, 0, 1, 0])):
        with torch.no_grad():
            expected = model.generator(images, torch.tensor([vector], dtype=torch.float32))
        found = iw.translate(tmp_path / "run", pictures, to=to) / 127.5 - 1
        torch.testing.assert_close(found, expected, atol=1 / 127, rtol=0)


def test_a_file_of_averages_translates_in_styles_of_latents_and_references(tmp_path: Path) -> None:
    model = stargan_v2()
    held = {name: filled(model.get_submodule(name)) for name in ("generator", "mapping_network", "style_encoder")}
    torch.save(held, tmp_path / "100000_nets_ema.ckpt")
    loaded = import_checkpoint(tmp_path / "100000_nets_ema.ckpt", "stargan_v2", tmp_path / "run")
    assert loaded.domains == ("cat", "dog", "wild")
    pictures = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    several = iw.translate(tmp_path / "run", pictures, to="dog", styles=3)
    assert several.shape == (2, 3, 3, 64, 64)
    assert not torch.equal(several[:, 0], several[:, 1])
    assert iw.translate(tmp_path / "run", pictures, to="wild", like=pictures[:1]).shape == pictures.shape
    with pytest.raises(UserError, match=r"no domain 'lion'.*Its domains: cat, dog, wild"):
        iw.translate(tmp_path / "run", pictures, to="lion")


@pytest.mark.parametrize("system", ["stargan", "stargan_v2"])
def test_files_of_other_networks_are_refused(system: str, tmp_path: Path) -> None:
    other = stargan_v2().mapping_network if system == "stargan" else stargan().generator
    torch.save(other.state_dict(), tmp_path / "net.ckpt")
    with pytest.raises(RunError, match=r"net\.ckpt: This is no state dict of a StarGAN"):
        import_checkpoint(tmp_path / "net.ckpt", system)
    whole = stargan().generator if system == "stargan" else stargan_v2().generator
    torch.save(dict(list(whole.state_dict().items())[1:]), tmp_path / "net.ckpt")
    with pytest.raises(RunError, match=r"net\.ckpt: (It is no whole|The tensors|This is no state dict)"):
        import_checkpoint(tmp_path / "net.ckpt", system)
