"""Traversals: one latent varies and the rest is held, the largest change comes first, and codes have sheets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import simple_pictures, tiny_model

import imagewright as iw
from imagewright.errors import DataError, UserError
from imagewright.model import Model
from imagewright.output.sheets import stack_sheets


@pytest.fixture
def pca() -> Model:
    model = tiny_model("pca")
    model.basis.copy_(torch.eye(4, model.mean.numel()))
    model.variances.copy_(torch.tensor([0.01, 0.2, 0.05, 0.3]))
    return model


def test_a_row_varies_one_latent(pca: Model) -> None:
    (sheet,) = iw.traverse(pca, steps=5, inputs=[7]).sheets
    rows = sheet.images.unflatten(0, (4, 5)).int()
    moved = (rows[:, 0] - rows[:, -1]).abs().flatten(1)
    assert [int(row.argmax()) for row in moved] == [3, 1, 2, 0]  # by variance; each latent is one pixel
    assert torch.equal((moved > 0).sum(1), torch.ones(4, dtype=torch.int64))
    assert sheet.column_labels == ["-2", "-1", "0", "+1", "+2"]
    assert [label.split(" (")[0] for label in sheet.row_labels] == ["latent 3", "latent 1", "latent 2", "latent 0"]


def test_values_are_deviations_from_the_mean(pca: Model) -> None:
    (sheet,) = iw.traverse(pca, [1], steps=3, reach=1.0, inputs=[0]).sheets
    grey = (sheet.images.flatten(1)[:, 1].float() / 127.5 - 1).tolist()
    deviation = 0.2**0.5
    assert grey == pytest.approx([-deviation, 0, deviation], abs=0.01)


def test_several_inputs_have_a_row_each(pca: Model) -> None:
    found = iw.traverse(pca, [2, 0], steps=3, inputs=[0, 5])
    (sheet,) = found.sheets
    assert sheet.row_labels == ["latent 2, seed 0", "latent 2, seed 5", "latent 0, seed 0", "latent 0, seed 5"]
    assert len(sheet.images) == 12


def test_a_note_says_how_many_latents_are_shown(pca: Model) -> None:
    found = iw.traverse(pca, count=2, steps=3)
    assert len(found.sheets[0].row_labels) == 2
    assert "The 2 of 4 latents" in found.notes[0]


def test_a_model_without_prior_takes_the_deviations_of_pictures() -> None:
    model = tiny_model("autoencoder").eval()
    with pytest.raises(UserError, match="measured on pictures"):
        iw.traverse(model)
    (sheet,) = iw.traverse(model, steps=3, images=simple_pictures(12)).sheets
    latents = iw.encode(model, simple_pictures(12))
    assert torch.equal(sheet.images[1:2], iw.decode(model, latents.mean(0, keepdim=True)))
    with pytest.raises(UserError, match="cannot sample"):
        iw.traverse(model, inputs=[0], images=simple_pictures(12))


def test_codes_have_a_sheet_each() -> None:
    model = tiny_model("infogan").eval()  # three categories, two codes
    found = iw.traverse(model, steps=5)
    assert [sheet.name for sheet in found.sheets] == ["c1", "c2", "c3"]
    categories, code = found.sheets[0], found.sheets[1]
    assert categories.row_labels == ["c1 = 0", "c1 = 1", "c1 = 2"]
    assert categories.column_labels == [f"seed {seed}" for seed in range(8)]
    assert code.column_labels == ["-2 (beyond)", "-1", "0", "+1", "+2 (beyond)"]
    # Seed 0 with its own category is one of the cells; so is the same latent with another code.
    latents = model.sample_latents(1, _generator(0))  # type: ignore[operator]
    own = int(latents[0, 8:11].argmax())
    assert torch.equal(categories.images.unflatten(0, (3, 8))[own, 0], iw.decode(model, latents)[0])
    latents[0, 11] = 2.0
    assert torch.equal(code.images.unflatten(0, (3, 5))[own, -1], iw.decode(model, latents)[0])


def _generator(seed: int) -> torch.Generator:
    from imagewright.seeds import derive_seed

    return torch.Generator().manual_seed(derive_seed(seed, "sample", 0))


def test_classes_and_attributes_have_sheets_on_request() -> None:
    model = tiny_model("cgan").eval()
    (noise,) = iw.traverse(model, steps=3, count=2).sheets
    assert noise.name == "latents"
    (classes,) = iw.traverse(model, codes=True, inputs=[0, 1, 2]).sheets
    assert classes.row_labels == ["one", "other"]
    wanted = torch.cat([iw.sample(model, 1, seed=seed, label="other") for seed in range(3)])
    assert torch.equal(classes.images[3:], wanted)


def test_a_model_with_codes_can_vary_its_noise() -> None:
    found = iw.traverse(tiny_model("infogan").eval(), codes=False, steps=3, count=3)
    assert [sheet.name for sheet in found.sheets] == ["latents"]
    (code,) = iw.traverse(tiny_model("infogan").eval(), ["c3"], steps=3).sheets
    assert code.row_labels == ["c3"]


def test_errors_of_codes_dimensions_and_reach(pca: Model) -> None:
    with pytest.raises(UserError, match="no codes, categories or attributes"):
        iw.traverse(pca, codes=True)
    with pytest.raises(UserError, match="no latent 4: pca has 4"):
        iw.traverse(pca, [4])
    with pytest.raises(UserError, match="'c2' is no latent"):
        iw.traverse(pca, ["c2"])
    with pytest.raises(UserError, match="Did you mean 'c2'"):
        iw.traverse(tiny_model("infogan"), ["c22"])
    with pytest.raises(UserError, match="steps=1"):
        iw.traverse(pca, steps=1)
    with pytest.raises(UserError, match="farther than 0"):
        iw.traverse(pca, reach=0)
    with pytest.raises(UserError, match="cannot decode"):
        iw.traverse(tiny_model("logistic_regression"))


def test_equal_pictures_have_no_deviations() -> None:
    same = simple_pictures(1).repeat(4, axis=0)
    with pytest.raises(DataError, match="the same latent"):
        iw.traverse(tiny_model("autoencoder").eval(), images=same)
    with pytest.raises(UserError, match="One picture has no deviation"):
        iw.traverse(tiny_model("autoencoder").eval(), images=same[:1])


def test_sheets_are_stacked() -> None:
    sheets = iw.traverse(tiny_model("infogan").eval(), steps=3).sheets
    drawn = [sheet.draw() for sheet in sheets]
    whole = stack_sheets(sheets)
    assert whole.width == max(picture.width for picture in drawn)
    assert np.array_equal(np.asarray(whole)[: drawn[0].height, : drawn[0].width], np.asarray(drawn[0]))
    assert whole.height > sum(picture.height for picture in drawn)
