"""Translation networks from published state dicts reproduce the recorded outputs of the published implementations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from cases import TOLERANCE, parity_module, run_case
from tiny import tiny_model

import imagewright as iw
from imagewright.checkpoints import import_checkpoint
from imagewright.checkpoints.adapter import export_state
from imagewright.checkpoints.importing import find_adapter
from imagewright.errors import RunError, UserError
from imagewright.layers.residual import ResidualGenerator
from imagewright.layers.unet import UNetGenerator

CASES = (
    *("cyclegan/patchgan_instance", "cyclegan/resnet_9blocks"),
    *("drit/dis_content", "drit/e_attr", "drit/e_attr_concat", "drit/e_content", "drit/g", "drit/g_concat"),
    "drit/multiscale_dis",
    *("funit/few_shot_gen", "funit/gp_patch_mc_res_dis"),
    *("munit/adain_gen", "munit/ms_image_dis", "unit/vae_gen"),
    *("pix2pixhd/encoder", "pix2pixhd/global_generator_small", "pix2pixhd/local_enhancer_small"),
    *("pix2pixhd/multiscale_discriminator", "stargan_v2/mapping_network", "stargan_v2/style_encoder"),
    *("pix2pix/patchgan_batch", "pix2pix/pixel", "pix2pix/unet_256", "pix2pix/unet_256_batch_stats"),
)
# They train nothing, but take seconds.
SLOWEST = ("funit/few_shot_gen", "funit/gp_patch_mc_res_dis", "pix2pix/unet_256", "pix2pix/unet_256_batch_stats")
SLOWEST += ("stargan_v2/style_encoder", "munit/adain_gen")
DEEPEST = ("pix2pixhd", "stargan_v2")  # their generators enlarge rounding


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.learning if name in SLOWEST else ()) for name in CASES]
)
def test_the_published_outputs(name: str, shared_parity: Path) -> None:
    system, _, stem = name.partition("/")
    assert run_case(parity_module(shared_parity), shared_parity, system, stem) < TOLERANCE


@pytest.mark.learning  # trains nothing, but takes a quarter of a minute
def test_the_script_computes_the_deepest_cases_with_the_recorded_kernels(shared_parity: Path) -> None:
    """In a process of its own, before whose first convolution oneDNN can be told which kernels to take."""
    script = Path(__file__).with_name("cases.py")
    command = [sys.executable, script, shared_parity, *DEEPEST]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "12 of 12 cases" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("change", ["first", "alone", "name", "discriminator", "unet"])
@pytest.mark.parametrize("system", ["cut", "cyclegan", "pix2pix"])
def test_a_file_without_what_tells_its_options_is_refused(system: str, change: str, tmp_path: Path) -> None:
    whole = ResidualGenerator(3, 3, width=4, blocks=1).state_dict()
    states = {
        "first": {name: tensor for name, tensor in whole.items() if name != "model.1.weight"},
        "alone": {"model.10.conv_block.1.weight": torch.zeros(4, 4, 3, 3)},
        "name": whole | {"model.x.weight": torch.zeros(3)},
        "discriminator": {"model.0.weight": torch.zeros(8, 3, 4, 4)},
        "unet": {"model.model.0.weight": torch.zeros(8, 3, 4, 4)},
    }
    torch.save(states[change], tmp_path / "net.pth")
    with pytest.raises(RunError, match=r"net\.pth: It is no whole"):
        import_checkpoint(tmp_path / "net.pth", system)


@pytest.mark.parametrize("system", ["cut", "cyclegan"])
def test_a_generator_of_other_channels_is_one_of_pix2pix(system: str, tmp_path: Path) -> None:
    network = ResidualGenerator(1, 3, width=4, blocks=1)
    torch.save(network.state_dict(), tmp_path / "net.pth")
    with pytest.raises(RunError, match=r"takes 1 channels and returns 3.*--as pix2pix reads it"):
        import_checkpoint(tmp_path / "net.pth", system, tmp_path / "run")
    import_checkpoint(tmp_path / "net.pth", "pix2pix", tmp_path / "run")
    assert iw.load(tmp_path / "run").config.layer_channels == {"input": 1, "target": 3}


@pytest.mark.parametrize("depth", [5, 8])
def test_a_u_net_of_any_depth_translates_pictures_of_any_size(depth: int, tmp_path: Path) -> None:
    torch.save(UNetGenerator(3, 3, width=2, depth=depth).state_dict(), tmp_path / "net.pth")
    import_checkpoint(tmp_path / "net.pth", "pix2pix", tmp_path / "run")
    assert iw.load(tmp_path / "run").config.unet_depth == depth
    picture = torch.zeros(1, 3, 100, 300, dtype=torch.uint8)
    assert iw.translate(tmp_path / "run", picture).shape == picture.shape


def test_a_published_direction_translates_and_the_other_is_said_to_be_absent(tmp_path: Path) -> None:
    torch.save(ResidualGenerator(3, 3, width=4, blocks=1).state_dict(), tmp_path / "latest_net_G.pth")
    import_checkpoint(tmp_path / "latest_net_G.pth", "cyclegan", tmp_path / "run")
    picture = torch.zeros(1, 3, 30, 45, dtype=torch.uint8)
    assert iw.translate(tmp_path / "run", picture, to="b").shape == picture.shape
    with pytest.raises(UserError, match="no generator_ba"):
        iw.translate(tmp_path / "run", picture, to="a")


@pytest.mark.parametrize("system", ["munit", "unit"])
@pytest.mark.parametrize("to", ["a", "b"])
def test_the_file_of_one_domain_says_which_network_a_translation_lacks(system: str, to: str, tmp_path: Path) -> None:
    model = tiny_model(system)
    torch.save(export_state(model.generator_a, find_adapter(system).networks["generator_a"]), tmp_path / "gen.pt")
    imported = import_checkpoint(tmp_path / "gen.pt", system)
    with pytest.raises(UserError, match="holds no generator_b"):
        iw.translate(imported, torch.zeros(1, 3, 16, 16, dtype=torch.uint8), to=to)
    assert not hasattr(imported.generator_b, "encoder")
