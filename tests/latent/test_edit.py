"""Editing: inputs are moved along saved directions, with and without their detail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from marked_pictures import fitted_pca, marked
from PIL import Image
from tiny import tiny_model

import imagewright as iw
from imagewright.errors import UserError
from imagewright.latent import store
from imagewright.latent.editing.edit import clamp_to_prior
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
