"""Editing: inputs are moved along saved directions, with and without their detail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from marked_pictures import fitted_pca, marked
from PIL import Image
from tiny import simple_pictures, tiny_model, train_tiny

import imagewright as iw
from imagewright.cli import main
from imagewright.errors import UserError
from imagewright.latent import store
from imagewright.latent.editing.edit import clamp_to_prior
from imagewright.latent.editing.full_size import add_change
from imagewright.latent.editing.sheet import column_labels, edit_sheet
from imagewright.runs.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = fitted_pca(marked(100, 0.5)[0], tmp_path_factory.mktemp("runs") / "pca")
    for name, place, scale in (("first", 0, 2.0), ("second", 1, 0.5)):
        tensors = {"direction": torch.eye(6)[place], "scale": torch.tensor(scale)}
        store.save(run, iw.load(run), name, "direction", tensors, {})
    return run


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "anna.png"
    Image.fromarray(marked(1, 0.5, seed=7)[0][0, 0]).resize((24, 24)).save(path)
    return path


def test_latents_move_by_strength_times_scale_along_the_direction(run: Run, picture: Path) -> None:
    edited = iw.edit(run, [3, picture], {"first": [-1, 0, 2], "second": 4.0})
    assert edited.images.shape == (2, 3, 1, 12, 12)
    assert edited.images.dtype == torch.uint8
    from imagewright.verbs.apply import sample_latents

    start = sample_latents(run, 1, 3)[0]
    expected = torch.stack([start + strength * 2 * torch.eye(6)[0] + 2 * torch.eye(6)[1] for strength in (-1, 0, 2)])
    assert torch.allclose(edited.latents[0], expected)
    assert torch.equal(edited.images[0], iw.decode(run, expected))
    assert edited.labels == ["seed 3", "anna"]
    assert edited.originals[0] is None
    assert edited.notes == ("anna.png is resized from 24x24 to 12x12, as the model takes it.",)


def test_strength_0_gives_the_reconstruction_or_with_detail_the_picture(run: Run, picture: Path) -> None:
    plain = iw.edit(run, [picture], {"first": 0.0})
    assert torch.equal(plain.images[0, 0], plain.reconstructions[0])
    assert plain.originals[0] is not None
    assert not torch.equal(plain.reconstructions[0], plain.originals[0])
    sharp = iw.edit(run, [picture], {"first": [0.0, 3.0]}, keep_detail=True)
    assert torch.equal(sharp.images[0, 0], plain.originals[0])
    change = iw.edit(run, [picture], {"first": 3.0}).images[0, 0].int() - plain.reconstructions[0].int()
    assert torch.equal(sharp.images[0, 1], (plain.originals[0].int() + change).clamp(0, 255).to(torch.uint8))


def test_a_sheet_shows_the_picture_and_its_reconstruction_first(run: Run, picture: Path) -> None:
    strengths = [-2.0, 0.0, 2.0]
    with_picture = edit_sheet(run, [picture, 1], {"first": strengths}).draw()
    seeds = edit_sheet(run, [0, 1], {"first": strengths}).draw()
    assert with_picture.width > seeds.width
    assert with_picture.height == seeds.height
    edited = iw.edit(run, [0, 1], {"first": strengths, "second": 1})
    assert column_labels(edited.strengths) == ["-2", "0", "+2"]
    assert (
        len(edit_sheet(run, [0, 1], {"first": strengths, "second": 1}).frames()) == 4
    )  # there and back, both ends once
    assert column_labels(iw.edit(run, [0], {"first": 1}).strengths) == ["edited"]


def test_clamping_to_the_prior_changes_uniform_codes_alone() -> None:
    model = tiny_model("infogan")
    parts = {part.kind: part for part in model.latent_parts}  # type: ignore[attr-defined]
    assert "uniform" in parts
    far = torch.full((2, *model.latent_shape), 3.0)  # type: ignore[misc]
    clamped = clamp_to_prior(model, far)
    assert clamped[:, parts["uniform"].places].max() == 1
    assert (clamped[:, parts["normal"].places] == 3).all()


def test_errors_of_moves_and_inputs(run: Run, picture: Path) -> None:
    with pytest.raises(UserError, match="Did you mean 'first'"):
        iw.edit(run, [0], {"frist": 1.0})
    with pytest.raises(UserError, match="No move"):
        iw.edit(run, [0], {})
    with pytest.raises(UserError, match="No input"):
        iw.edit(run, [], {"first": 1.0})
    with pytest.raises(UserError, match="cannot go together"):
        iw.edit(run, [0], {"first": [1, 2], "second": [1, 2, 3]})
    with pytest.raises(UserError, match="finite"):
        iw.edit(run, [0], {"first": float("nan")})
    with pytest.raises(UserError, match="finite"):
        iw.edit(run, [0], {"first": []})
    assert "no detail to keep" in iw.edit(run, [0, picture], {"first": 1.0}, keep_detail=True).notes[-1]
    assert np.isfinite(iw.edit(run, [0], {"first": 1e6}).images.numpy()).all()


def test_a_change_is_carried_to_the_picture_at_its_own_size() -> None:
    picture = torch.randint(40, 200, (3, 60, 100), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    flat = torch.full((2, 3, 8, 8), 20.0)
    flat[1] = 0
    more, same = add_change(picture, flat)
    assert torch.equal(same, picture)
    difference = more.int() - picture.int()
    # The model saw the 60x60 pixels in the middle; the change fades out at their left and right ends.
    assert (difference[:, :, :20] == 0).all()
    assert (difference[:, :, 80:] == 0).all()
    assert (difference[:, :, 26:74] == 20).all()
    assert 0 < difference[0, 30, 21] < 20
    ramp = torch.linspace(-30, 30, 8).expand(1, 3, 8, 8)
    carried = add_change(torch.full((3, 64, 64), 128, dtype=torch.uint8), ramp)[0].int() - 128
    assert (carried[:, :, 1:] >= carried[:, :, :-1]).all()
    assert carried[0, 0, 0] < -25


def test_pictures_are_edited_at_their_own_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train_tiny("pca", simple_pictures(24, (8, 8)), tmp_path / "run", components=6)
    iw.directions(run, save={0: "wide"})
    large = np.random.default_rng(0).integers(60, 190, (48, 80, 3)).astype(np.uint8)
    Image.fromarray(large).save(tmp_path / "anna.png")
    command = ["edit", str(run.path), str(tmp_path / "anna.png"), "--move", "wide", "--steps", "3", "--full-size"]
    assert main([*command, "--out", str(tmp_path / "edited")]) == 0
    found = {path.name: np.asarray(Image.open(path)).astype(int) for path in (tmp_path / "edited").iterdir()}
    assert sorted(found) == ["anna_+3.png", "anna_-3.png", "anna_0.png"]
    assert np.abs(found["anna_0.png"] - large).max() <= 1
    assert np.abs(found["anna_+3.png"] - large)[:, 16:64].mean() > 1
    assert np.array_equal(found["anna_+3.png"][:, :16], large[:, :16])
    assert main([*command, "--out", str(tmp_path / "sheet.png")]) == 2
    assert "must be a folder" in capsys.readouterr().err
    with pytest.raises(UserError, match="no picture of their own size"):
        iw.edit_sheet(run, [3], {"wide": 1.0}, full_size=True)
    Image.fromarray(large[:40]).save(tmp_path / "ben.png")
    with pytest.raises(UserError, match="several sizes"):
        iw.edit_sheet(run, [tmp_path / "anna.png", tmp_path / "ben.png"], {"wide": 1.0}, full_size=True)


def test_a_sheet_says_what_was_kept_and_which_row_has_no_picture(run: Run, picture: Path) -> None:
    sheet = iw.edit_sheet(run, [0, picture], {"first": [0.0, 3.0]}, keep_detail=True)
    assert "detail is kept" in str(sheet.title)
    assert list(sheet.row_labels or []) == ["seed 0 (no picture)", picture.stem]
    plain = iw.edit_sheet(run, [0], {"first": [0.0, 3.0]})
    assert "kept" not in str(plain.title)
    assert list(plain.row_labels or []) == ["seed 0"]
