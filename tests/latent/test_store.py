"""What a run keeps of its latent space: found again by name, and refused where it is another's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import DataError, RunError, UserError
from imagewright.latent import store as kept
from imagewright.latent.inputs import points_of
from imagewright.runs.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train_tiny("vae", simple_pictures(), tmp_path_factory.mktemp("kept") / "run")


def keep_direction(run: Run, name: str, *, force: bool = False) -> torch.Tensor:
    direction = torch.tensor([0.6, 0.8, 0.0, 0.0])
    kept.keep(
        run, iw.load(run), name, "direction", {"direction": direction, "scale": torch.tensor(2.0)}, {}, force=force
    )
    return direction


def test_a_direction_is_found_by_its_name_with_its_numbers(run: Run) -> None:
    direction = keep_direction(run, "smile")
    found = kept.find(run, iw.load(run), "smile", "direction")
    assert torch.equal(found.tensors["direction"], direction)
    assert found.record["model"] == "vae"
    assert found.said == ()
    assert kept.names_of(run, "direction") == ["smile"]
    assert "smile" not in kept.names_of(run, "points")


def test_a_taken_name_is_not_written_over(run: Run) -> None:
    keep_direction(run, "taken")
    with pytest.raises(RunError, match="exists already"):
        keep_direction(run, "taken")
    keep_direction(run, "taken", force=True)


@pytest.mark.parametrize("name", ["12", "a/b", "", "../up", "with space"])
def test_a_name_that_cannot_be_is_refused(run: Run, name: str) -> None:
    with pytest.raises(UserError, match="cannot be a name"):
        keep_direction(run, name)


def test_an_unknown_name_gets_the_nearest(run: Run) -> None:
    keep_direction(run, "glasses")
    with pytest.raises(UserError, match="Did you mean 'glasses'"):
        kept.find(run, iw.load(run), "glases", "direction")
    with pytest.raises(UserError, match="points was expected"):
        kept.find(run, iw.load(run), "glasses", "points")


def test_a_direction_of_another_space_is_refused(run: Run, tmp_path: Path) -> None:
    keep_direction(run, "foreign")
    path = run.path / kept.FOLDER / "foreign.safetensors"
    same_shape = train_tiny("vae", simple_pictures(), tmp_path / "same", seed=1)
    with pytest.raises(UserError, match="latent space of another model"):
        kept.find(same_shape, iw.load(same_shape), path, "direction")
    wider = train_tiny("vae", simple_pictures(), tmp_path / "wider", latent_dim=6)
    with pytest.raises(UserError, match=r"shape \(4,\).*decodes \(6,\)"):
        kept.find(wider, iw.load(wider), path, "direction")


def test_a_direction_of_an_earlier_point_of_training_is_taken_and_that_is_said(tmp_path: Path) -> None:
    run = train_tiny("vae", simple_pictures(), tmp_path / "run")
    keep_direction(run, "early")
    longer = train_tiny("vae", simple_pictures(), tmp_path / "run", images_seen=64, resume=True)
    found = kept.find(longer, iw.load(longer), "early", "direction")
    assert "another point of this run's training" in found.said[0]


def test_a_file_cut_short_is_named(run: Run) -> None:
    keep_direction(run, "cut")
    path = run.path / kept.FOLDER / "cut.safetensors"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(RunError, match="is damaged"):
        kept.find(run, iw.load(run), "cut", "direction")
    keep_direction(run, "beside")
    assert "cut" not in kept.names_of(run, "direction")  # and the others are still there
    assert "beside" in kept.names_of(run, "direction")
    path.unlink()


def test_points_are_seeds_pictures_and_names(run: Run, tmp_path: Path) -> None:
    pictures = simple_pictures(1, size=(20, 20))
    Image.fromarray(pictures[0].transpose(1, 2, 0)).convert("L").save(tmp_path / "anna.png")
    latents = torch.ones(2, 4)
    kept.keep(run, iw.load(run), "pair", "points", {"latents": latents}, {"names": ["first", "second"]})
    points = points_of(run, [3, str(tmp_path / "anna.png"), "pair"])
    assert points.labels == ["seed 3", "anna", "first", "second"]
    assert points.latents.shape == (4, 4)
    assert torch.equal(points.latents[2:], latents)
    assert torch.equal(iw.decode(run, points.latents[:1]), iw.sample(run, 1, seed=3))
    assert points.of_pictures
    assert points.said == [
        "anna.png is resized from 20x20 to 16x16 and converted from grey to RGB, as the model takes it."
    ]


def test_what_is_no_point_is_said(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no seed"):
        points_of(run, ["paier"])
    with pytest.raises(DataError, match="cannot be read"):
        points_of(run, [tmp_path / "missing.png"])
    with pytest.raises(UserError, match="No point"):
        points_of(run, [])
