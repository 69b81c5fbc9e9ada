"""`imagewright import`: what was found in published files, what they lack, and what the run then does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import simple_pictures, tiny_model

import imagewright as iw
from imagewright.checkpoints.adapter import export_state
from imagewright.checkpoints.importing import find_adapter
from imagewright.cli import main


@pytest.fixture
def one_direction(tmp_path: Path) -> Path:
    """A file of one generator of a CycleGAN, as their authors publish them."""
    model, adapter = tiny_model("cyclegan", blocks=2), find_adapter("cyclegan")
    torch.save(export_state(model.generator_ab, adapter.networks["generator_ab"]), tmp_path / "zebra.pth")
    return tmp_path / "zebra.pth"


def test_what_was_found_and_what_is_absent_is_said(
    one_direction: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main(["import", str(one_direction), "--as", "cyclegan", "--out", str(run), "--size", "16"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{run}\n"
    found, absent = printed.err.splitlines()
    assert found.startswith("Found generator_ab of cyclegan. From the shapes: ")
    for option in ("channels=3", "width=4", "blocks=2"):
        assert option in found
    assert absent == "Absent: generator_ba, discriminator_a, discriminator_b. What needs them is refused."
    assert main(["import", str(one_direction), "--as", "cyclegan", "--out", str(run), "--force"]) == 0
    assert "As published, or as the file says: size=256x256; an option changes" in capsys.readouterr().err


def test_a_run_of_one_direction_needs_no_domain(
    one_direction: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, pictures = tmp_path / "run", simple_pictures(2)
    iw.import_checkpoint(one_direction, "cyclegan", run, size=(16, 16))
    assert torch.equal(iw.translate(run, pictures), iw.translate(run, pictures, to="b"))
    np_file = tmp_path / "pictures.npz"
    np.savez(np_file, pictures)
    assert main(["translate", str(run), str(np_file), "--out", str(tmp_path / "sheet.png")]) == 0
    assert "Translated to b: the run holds no generator_ba, which" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("system", "network", "absent"),
    [("munit", "generator_a", "generator_b"), ("cyclegan", "discriminator_a", "generator_[ab]")],
)
def test_a_run_that_reaches_no_domain_says_what_is_absent(
    system: str, network: str, absent: str, tmp_path: Path
) -> None:
    model, adapter = tiny_model(system), find_adapter(system)
    torch.save(export_state(model.get_submodule(network), adapter.networks[network]), tmp_path / "network.pth")
    imported = iw.import_checkpoint(tmp_path / "network.pth", system, network=network, size=(16, 16))
    with pytest.raises(iw.UserError, match=rf"holds no {absent}.*no domain"):
        iw.translate(imported, simple_pictures(1))


def test_references_reach_a_domain_without_the_mapping_network(tmp_path: Path) -> None:
    model, adapter, pictures = tiny_model("stargan_v2"), find_adapter("stargan_v2"), simple_pictures(1)
    for name in ("generator", "style_encoder"):
        torch.save(export_state(model.get_submodule(name), adapter.networks[name]), tmp_path / f"{name}.pth")
    files = [tmp_path / "generator.pth", tmp_path / "style_encoder.pth"]
    imported = iw.import_checkpoint(files, "stargan_v2", size=(16, 16))
    with pytest.raises(iw.UserError, match=r"missing: --to"):
        iw.translate(imported, pictures, like=pictures)
    with pytest.raises(iw.UserError, match="holds no mapping_network"):
        iw.translate(imported, pictures)


def test_a_run_of_both_directions_asks_which(tmp_path: Path) -> None:
    with pytest.raises(iw.UserError, match=r"missing: --to.*a, b"):
        iw.translate(tiny_model("cyclegan"), simple_pictures(1))


@pytest.mark.parametrize(
    ("system", "network", "option"),
    [
        ("stargan", "generator", "attribute-names"),
        ("stargan", "discriminator", "class-names"),
        ("stargan_v2", "mapping_network", "class-names"),
        ("funit", "discriminator", "class-names"),
        ("biggan", "generator", "class-names"),
        ("stylegan2", "generator", "class-names"),
    ],
)
def test_names_of_another_number_than_the_labels_are_counted(
    system: str, network: str, option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    condition = {} if system in ("funit", "stargan_v2") else {"condition": "labels"}
    model, adapter = tiny_model(system, (32, 32), **condition), find_adapter(system)  # of two classes
    torch.save(export_state(model.get_submodule(network), adapter.networks[network]), tmp_path / "network.pth")
    arguments = ["import", str(tmp_path / "network.pth"), "--as", system, "--network", network]
    assert main([*arguments, f"--{option}", "one,two,three", "--out", str(tmp_path / "run")]) == 2
    assert f"The network has 2 labels, and 3 were named ({option.replace('-', '_')})" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
