"""Export of weights: the same pictures, to the bit, from the file that was written."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny import simple_pictures, tiny_model, train_tiny

import imagewright as iw
from imagewright import catalogue
from imagewright.checkpoints import find_adapter, import_checkpoint
from imagewright.cli import main
from imagewright.exports.names import check_name

PUBLISHED = [name for name in catalogue.entries() if catalogue.entry_of(name).adapter]
FROM_IMAGES = ("network", "unseen_classes", "submodels", "crop")  # options that an import takes from no caller
QUICK = ("dcgan", "stylegan2", "pix2pix")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny("dcgan", out=tmp_path_factory.mktemp("runs") / "dcgan").path


def test_one_file_makes_the_pictures_of_the_run(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "weights.safetensors"
    assert main(["export", str(run), "--to", "safetensors", "--out", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    assert torch.equal(iw.sample(path, 4, seed=3), iw.sample(run, 4, seed=3))
    found = iw.inspect(path)
    record = json.loads(found["metadata"]["imagewright"]) if "metadata" in found else found
    assert str(run.parent) not in json.dumps(record, default=str)
    with pytest.raises(iw.UserError, match=r"exists already.*--force"):
        iw.export(run, "safetensors", path)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.learning) for name in PUBLISHED]
)
def test_published_files_import_to_the_same_weights(name: str, tmp_path: Path) -> None:
    model = tiny_model(name)
    made = iw.export(model, "published", tmp_path / "published")
    adapter = find_adapter(name)
    networks = [path.stem for path in made.paths]
    assert networks
    for path in made.paths:
        tensors = torch.load(path, weights_only=True)
        declared = adapter.networks[path.stem]
        assert list(tensors) == list(declared.names(model.get_submodule(path.stem).state_dict()))
    fields = [field.name for field in dataclasses.fields(model.config) if field.name not in FROM_IMAGES]
    given = {name: getattr(model.config, name) for name in fields}
    imported = import_checkpoint(list(made.paths), name, **({"network": networks} | given))
    for network in networks:
        own, other = (each.get_submodule(network).state_dict() for each in (model, imported))
        assert all(torch.equal(own[key], other[key]) for key in own)


def test_a_model_without_published_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(iw.UserError, match="Published checkpoints of pca cannot be read"):
        iw.export(tiny_model("pca"), "published", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_layout_of_diffusers_holds_every_tensor_once(tmp_path: Path) -> None:
    model = tiny_model("vae")
    made = iw.export(model, "diffusers", tmp_path / "vae")
    assert any("diffusers itself opens none" in note for note in made.notes)
    index = json.loads((tmp_path / "vae" / "model_index.json").read_text())
    assert index["_class_name"] == "VAE"
    networks = [name for name in index if not name.startswith("_")]
    held = {
        name if network == "other_tensors" else f"{network}.{name}": tensor
        for network in networks
        for name, tensor in load_file(tmp_path / "vae" / network / "diffusion_pytorch_model.safetensors").items()
    }
    own = model.state_dict()
    assert held.keys() == own.keys()
    assert all(torch.equal(held[name], own[name]) for name in own)
    assert json.loads((tmp_path / "vae" / networks[0] / "config.json").read_text())["model"] == "vae"
    assert "AutoencoderKL" in (tmp_path / "vae" / "README.md").read_text()
    with pytest.raises(iw.UserError, match="holds files"):
        iw.export(model, "diffusers", tmp_path / "vae")


def test_no_exported_file_names_a_path_of_the_user(run: Path, tmp_path: Path) -> None:
    vae = train_tiny("vae", out=tmp_path / "secret place" / "vae")
    kde = iw.train("kde", simple_pictures(24), out=tmp_path / "secret place" / "kde", encoder=str(vae.path))
    for to, out in (("safetensors", tmp_path / "kde.safetensors"), ("diffusers", tmp_path / "layout")):
        made = iw.export(kde, to, out)  # type: ignore[arg-type]
        assert not [path for path in made.paths if b"secret" in path.read_bytes()], to
        assert any(note.startswith("Taken out of the records: paths and names of files (") for note in made.notes)
    assert torch.equal(iw.sample(tmp_path / "kde.safetensors", 3), iw.sample(kde, 3))


OTHER_NAMES = [
    ("safetensors", "weights.pt"),
    ("html", "page"),
    ("diffusers", "a.onnx"),
    ("onnx", "graphs.txt"),
    ("published", "weights.pt"),
]


@pytest.mark.parametrize(("to", "out"), OTHER_NAMES)
def test_a_name_of_another_kind_of_file_is_refused(to: str, out: str, tmp_path: Path) -> None:
    with pytest.raises(iw.UserError, match=out):
        iw.export(tiny_model("dcgan"), to, tmp_path / out)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("to", "out"), OTHER_NAMES)
def test_a_name_is_refused_before_the_run_is_looked_at(
    to: str, out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(tmp_path / "no run"), "--to", to, "--out", str(tmp_path / out)]) == 2
    assert str(tmp_path / out) in capsys.readouterr().err


def test_a_number_at_the_end_of_a_folder_is_no_kind_of_file(tmp_path: Path) -> None:
    check_name("onnx", tmp_path / "v1.5")
    (tmp_path / "all.graphs").mkdir()
    check_name("published", tmp_path / "all.graphs")
