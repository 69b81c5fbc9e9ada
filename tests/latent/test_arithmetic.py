"""Latent arithmetic: expressions are parsed, terms resolved, and sums of known pictures are as expected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from marked_pictures import PATCH, STRIPE, fitted_pca, marked, write_marked

import imagewright as iw
from imagewright.errors import DataError, UserError
from imagewright.latent import store
from imagewright.latent.arithmetic.terms import Term, parse_expression, parse_set
from imagewright.runs.run import Run
from imagewright.verbs.apply import sample_latents


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fitted_pca(marked(300, 0.5, seed=1)[0], tmp_path_factory.mktemp("runs") / "pca")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_marked(tmp_path_factory.mktemp("labelled"), *marked(120, 0.5))


@pytest.mark.parametrize(
    ("expression", "terms"),
    [
        ("anna", [Term(1, "anna", 1)]),
        ("man with glasses - man + woman", [Term(1, "man with glasses", 1), Term(-1, "man", 20), Term(1, "woman", 26)]),
        ("- a-b + c", [Term(-1, "a-b", 3), Term(1, "c", 9)]),
        ("0.5 * anna + 2*bob", [Term(0.5, "anna", 7), Term(2, "bob", 16)]),
        ('"a + b.png" - 3', [Term(1, "a + b.png", 1), Term(-1, "3", 15)]),
        ("Male & !Smiling + x", [Term(1, "Male & !Smiling", 1), Term(1, "x", 19)]),
    ],
)
def test_expressions(expression: str, terms: list[Term]) -> None:
    assert parse_expression(expression) == terms


@pytest.mark.parametrize(
    ("expression", "position", "what"),
    [
        ("anna +", 6, "nothing follows"),
        ("anna + - bob", 8, "two signs"),
        ('anna + "bob', 8, "not closed"),
        ("anna + * bob", 8, "a factor"),
        ("anna - 2 *", 11, "a factor"),
        ('anna - ""', 8, "nothing stands"),
    ],
)
def test_an_error_shows_the_position_of_a_mistake(expression: str, position: int, what: str) -> None:
    with pytest.raises(UserError, match=what) as raised:
        parse_expression(expression)
    assert f"Character {position} " in str(raised.value)
    assert str(raised.value).splitlines()[2] == "  " + " " * (position - 1) + "^"


def test_a_set_is_attributes_that_pictures_have_or_lack() -> None:
    assert parse_set("Male & !Smiling&  ! Young") == [("Male", True), ("Smiling", False), ("Young", False)]


def test_patch_and_stripe_minus_patch_is_stripe(run: Run, labelled: Path) -> None:
    """Both minus the patch alone plus neither is a stripe without a patch."""
    result = iw.arithmetic(run, "Patch & Stripe - Patch & !Stripe + !Patch & !Stripe", source=labelled)
    picture = result.image[0].float()
    assert picture[STRIPE].mean() == pytest.approx(190, abs=8)
    assert picture[PATCH].mean() == pytest.approx(100, abs=8)
    assert result.variations.shape == (8, 1, 12, 12)
    assert not result.notes
    values = marked(120, 0.5)[1]
    assert [each.count for each in result.operands] == [
        int((values[:, 0] & values[:, 1]).sum()),
        int((values[:, 0] & ~values[:, 1]).sum()),
        int((~values[:, 0] & ~values[:, 1]).sum()),
    ]
    assert result.sheet().draw().mode == "L"


def test_terms_are_named_sets_saved_latents_seeds_folders_and_directions(run: Run, labelled: Path) -> None:
    model = iw.load(run)
    store.save(run, model, "two", "latents", {"latents": torch.ones(2, 6)}, {}, force=True)
    tensors = {"direction": torch.eye(6)[0], "scale": torch.tensor(3.0)}
    store.save(run, model, "move", "direction", tensors, {}, force=True)
    sets = {"patched": "Patch", "all of it": labelled}
    result = iw.arithmetic(
        run, f"patched - all of it + 2 * two - {labelled} + 4 + 0.5 * move", sets=sets, source=labelled
    )
    pixels, values = marked(120, 0.5)
    latents = iw.encode(run, pixels)
    expected = latents[torch.from_numpy(values[:, 0])].mean(0) - 2 * latents.mean(0) + 2
    expected = expected + sample_latents(run, 1, 4)[0] + 1.5 * torch.eye(6)[0]
    assert torch.allclose(result.latent, expected, atol=1e-3)
    assert "add up to 2" in result.notes[-1]
    assert result.means[-1] is None
    sheet = result.sheet()
    assert sheet.draw().width > 7 * 100  # a column for each of six terms, and the sum
    assert sheet.record is not None
    assert sheet.record["settings"]["sets"] == {"patched": "Patch", "all of it": str(labelled)}


def test_a_saved_result_is_an_input_of_other_tools(run: Run, labelled: Path) -> None:
    result = iw.arithmetic(run, "Stripe", source=labelled, save="striped", spread=0)
    assert all(torch.equal(each, result.image) for each in result.variations)  # spread 0
    assert result.saved == run.path / "latents" / "striped.safetensors"
    assert torch.equal(iw.interpolate(run, 2, ends=("striped", 0))[0], result.image)
    assert torch.equal(iw.arithmetic(run, "striped").latent, result.latent)
    with pytest.raises(UserError, match="exists already"):
        iw.arithmetic(run, "Stripe", source=labelled, save="striped")


def test_errors_of_terms_sets_and_spreads(run: Run, labelled: Path) -> None:
    with pytest.raises(UserError, match=r"Character 5 .*no set, no name(.|\n)*    \^"):
        iw.arithmetic(run, "1 + nobody")
    with pytest.raises(UserError, match=r"Character 1 .*Did you mean 'Patch'"):
        iw.arithmetic(run, "Pacth & Stripe", source=labelled)
    with pytest.raises(UserError, match="no picture of the source is"):
        iw.arithmetic(run, "Patch & !Patch", source=labelled)
    with pytest.raises(DataError, match="no labels"):
        iw.arithmetic(run, "Patch", source=marked(4, 0.5)[0])
    with pytest.raises(UserError, match="no source with labels"):
        iw.arithmetic(run, "x", sets={"x": "Patch"})
    with pytest.raises(UserError, match="cannot be the name"):
        iw.arithmetic(run, "1", sets={"1": labelled})
    with pytest.raises(UserError, match="empty"):
        iw.arithmetic(run, "  ")
    with pytest.raises(UserError, match="0 or more"):
        iw.arithmetic(run, "1", spread=float("nan"))
    assert np.isfinite(iw.arithmetic(run, "1", spread=1e4).variations.numpy()).all()
