"""Saved directions and latents: loaded by name, refused for another model, and resolved as inputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import DataError, RunError, UserError
from imagewright.latent import store
from imagewright.latent.inputs import resolve_inputs
from imagewright.latent.listing import SavedName
from imagewright.runs.run import Run
from imagewright.runs.weights import write_tensors


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train_tiny("vae", simple_pictures(), tmp_path_factory.mktemp("saved") / "run")


def save_direction(run: Run, name: str, *, force: bool = False) -> torch.Tensor:
    direction = torch.tensor([0.6, 0.8, 0.0, 0.0])
    store.save(
        run, iw.load(run), name, "direction", {"direction": direction, "scale": torch.tensor(2.0)}, {}, force=force
    )
    return direction


def test_a_direction_is_loaded_by_its_name(run: Run) -> None:
    direction = save_direction(run, "smile")
    found = store.load(run, iw.load(run), "smile", "direction")
    assert torch.equal(found.tensors["direction"], direction)
    assert found.record["model"] == "vae"
    assert found.notes == ()
    assert store.names_of(run, "direction") == ["smile"]
    assert "smile" not in store.names_of(run, "latents")


def test_a_taken_name_is_not_overwritten(run: Run) -> None:
    save_direction(run, "taken")
    with pytest.raises(RunError, match="exists already"):
        save_direction(run, "taken")
    save_direction(run, "taken", force=True)


@pytest.mark.parametrize("name", ["12", "a/b", "", "../up", "with space"])
def test_an_invalid_name_is_refused(run: Run, name: str) -> None:
    with pytest.raises(UserError, match="cannot be a name"):
        save_direction(run, name)


def test_the_error_for_an_unknown_name_has_the_nearest(run: Run) -> None:
    save_direction(run, "glasses")
    with pytest.raises(UserError, match="Did you mean 'glasses'"):
        store.load(run, iw.load(run), "glases", "direction")
    with pytest.raises(UserError, match="holds direction, and latents was expected"):
        store.load(run, iw.load(run), "glasses", "latents")


def test_a_direction_of_another_model_is_refused(run: Run, tmp_path: Path) -> None:
    save_direction(run, "foreign")
    path = run.path / store.FOLDER / "foreign.safetensors"
    same_shape = train_tiny("vae", simple_pictures(), tmp_path / "same", seed=1)
    with pytest.raises(UserError, match="latent space of another model"):
        store.load(same_shape, iw.load(same_shape), path, "direction")
    wider = train_tiny("vae", simple_pictures(), tmp_path / "wider", latent_dim=6)
    with pytest.raises(UserError, match=r"shape \(4,\).*decodes \(6,\)"):
        store.load(wider, iw.load(wider), path, "direction")


def test_a_direction_of_an_earlier_checkpoint_is_loaded_with_a_note(tmp_path: Path) -> None:
    run = train_tiny("vae", simple_pictures(), tmp_path / "run")
    save_direction(run, "early")
    longer = train_tiny("vae", simple_pictures(), tmp_path / "run", images_seen=64, resume=True)
    found = store.load(longer, iw.load(longer), "early", "direction")
    assert "another checkpoint of this run" in found.notes[0]


def test_a_truncated_file_is_named(run: Run) -> None:
    save_direction(run, "cut")
    path = run.path / store.FOLDER / "cut.safetensors"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(RunError, match="is damaged"):
        store.load(run, iw.load(run), "cut", "direction")
    save_direction(run, "beside")
    assert "cut" not in store.names_of(run, "direction")  # other files are still listed
    assert "beside" in store.names_of(run, "direction")
    path.unlink()


def test_inputs_are_seeds_pictures_and_names(run: Run, tmp_path: Path) -> None:
    pictures = simple_pictures(1, size=(20, 20))
    Image.fromarray(pictures[0].transpose(1, 2, 0)).convert("L").save(tmp_path / "anna.png")
    latents = torch.ones(2, 4)
    store.save(run, iw.load(run), "pair", "latents", {"latents": latents}, {"names": ["first", "second"]})
    found = resolve_inputs(run, [3, str(tmp_path / "anna.png"), "pair"])
    assert found.labels == ["seed 3", "anna", "first", "second"]
    assert found.latents.shape == (4, 4)
    assert torch.equal(found.latents[2:], latents)
    assert torch.equal(iw.decode(run, found.latents[:1]), iw.sample(run, 1, seed=3))
    assert found.has_pictures
    assert found.notes == [
        "anna.png is resized from 20x20 to 16x16 and converted from grey to RGB, as the model takes it."
    ]


def test_a_file_of_latents_is_an_input(run: Run, tmp_path: Path) -> None:
    model = iw.load(run)
    latents = torch.randn(3, *model.latent_shape)
    path = tmp_path / "way.safetensors"
    store.write_file(path, model, "latents", {"latents": latents}, {"names": ["a", "b", "c"]})
    found = resolve_inputs(run, [str(path)])
    assert found.labels == ["a", "b", "c"]
    assert torch.equal(found.latents, latents)


def test_errors_of_inputs(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no seed"):
        resolve_inputs(run, ["paier"])
    with pytest.raises(DataError, match="cannot be read"):
        resolve_inputs(run, [tmp_path / "missing.png"])
    with pytest.raises(UserError, match="No input"):
        resolve_inputs(run, [])


def test_files_of_earlier_versions_are_read(run: Run) -> None:
    """The kind "latents" was called "points"."""
    latents = torch.full((2, 4), 0.5)
    own = {"model": "vae", "space": store.fingerprint_of(iw.load(run))}
    write_tensors(
        run.path / store.FOLDER / "former.safetensors",
        {"latents": latents},
        {"kind": "points", "found": "project a, b", "names": ["a", "b"], **own},
    )
    assert "former" in store.names_of(run, "latents")
    assert torch.equal(resolve_inputs(run, ["former"]).latents, latents)
    assert iw.interpolate(run, 3, ends=("former", 0)).shape[0] == 5
    entry = next(entry for entry in iw.list_latents(run).entries if entry.name == "former")
    assert entry == SavedName("former", "latents", 2, "project a, b", "yes")


def test_the_list_has_lines_and_json_values(run: Run) -> None:
    save_direction(run, "listed", force=True)
    found = iw.list_latents(run)
    header, *rows = found.lines()
    assert header.split() == ["name", "kind", "how", "found", "usable"]
    assert len(rows) == len(found.entries)
    assert any(row.startswith("listed ") and " direction " in row and row.endswith("yes") for row in rows)
    assert {"name": "listed", "kind": "direction", "count": 1, "found": "", "usable": "yes"} in json.loads(
        json.dumps(found.to_dict())
    )["entries"]
    with pytest.raises(UserError, match="no run directory"):
        iw.list_latents(run.latest()[0].weights)
