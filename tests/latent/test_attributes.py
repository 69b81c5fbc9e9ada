"""Attribute directions on pictures with known attributes, their measured effect, and errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from marked_pictures import PATCH, STRIPE, fitted_pca, marked, write_marked
from tiny import tiny_model
from torch import nn

import imagewright as iw
from imagewright.errors import DataError, UserError
from imagewright.latent import store
from imagewright.latent.attributes import attribute_classifier
from imagewright.latent.attributes.attribute_classifier import AttributeClassifier
from imagewright.latent.attributes.effect import measure_effect
from imagewright.latent.attributes.mathematics import (
    find_direction,
    fit_standardisation,
    orthogonalise,
    to_latent_space,
)
from imagewright.latent.attributes.result import Attribute
from imagewright.runs.run import Run
from imagewright.training.reporting import Silent


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fitted_pca(marked(400, 0.5, seed=1)[0], tmp_path_factory.mktemp("runs") / "pca")


@pytest.fixture(scope="module")
def independent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_marked(tmp_path_factory.mktemp("independent"), *marked(240, 0.5))


@pytest.fixture(scope="module")
def confounded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patch and stripe are equal in nine pictures of ten."""
    return write_marked(tmp_path_factory.mktemp("confounded"), *marked(240, 0.9))


def leak(run: Run, found: Attribute) -> float:
    """By how many grey levels the stripe becomes brighter for one of the patch."""
    model = iw.load(run)
    middle = torch.zeros(1, *found.direction.shape)
    with torch.inference_mode():
        change = model.decode(middle + found.step) - model.decode(middle)  # type: ignore[operator]
    return float(change[0, 0][STRIPE].mean() / change[0, 0][PATCH].mean())


def test_the_mean_difference_is_the_difference_of_mean_latents(run: Run, independent: Path) -> None:
    pixels, values = marked(240, 0.5)
    found = iw.attribute(run, independent, "Patch", held_out=independent)
    latents = iw.encode(run, pixels)
    side = torch.from_numpy(values[:, 0])
    difference = latents[side].mean(0) - latents[~side].mean(0)
    assert torch.allclose(found.direction, difference / difference.norm(), atol=1e-4)
    standard = found.direction / latents.std(0)
    along = (latents / latents.std(0)) @ (standard / standard.norm())
    assert found.scale == pytest.approx(float(along.std() / standard.norm()), rel=0.05)
    assert found.counts == (int(side.sum()), int((~side).sum()))
    assert found.auc == pytest.approx(1, abs=1e-6)


def test_a_correlated_attribute_leaks_unless_it_is_balanced_or_projected_out(run: Run, confounded: Path) -> None:
    plain = leak(run, iw.attribute(run, confounded, "Patch"))
    balanced = leak(run, iw.attribute(run, confounded, "Patch", balance=["Stripe"]))
    everything = leak(run, iw.attribute(run, confounded, "Patch", balance=["all"]))
    orthogonal = leak(run, iw.attribute(run, confounded, "Patch", orthogonal_to=["Stripe"]))
    machine = leak(run, iw.attribute(run, confounded, "Patch", method="svm"))
    machine_balanced = leak(run, iw.attribute(run, confounded, "Patch", method="svm", balance=["Stripe"]))
    assert plain > 0.7  # 0.9 - 0.1, the difference of the stripe's frequencies
    assert abs(balanced) < 0.05
    assert everything == pytest.approx(balanced)
    assert abs(machine_balanced) < machine < plain
    assert orthogonal < 0  # the stripe's own direction contains the patch, so the projection overshoots


def test_orthogonal_to_a_saved_balanced_direction(run: Run, confounded: Path) -> None:
    iw.attribute(run, confounded, "Stripe", balance=["Patch"], save="stripe", force=True)
    found = iw.attribute(run, confounded, "Patch", orthogonal_to=["stripe"])
    assert abs(leak(run, found)) < 0.1
    assert found.orthogonal_to == ("stripe",)


@pytest.mark.parametrize("method", ["mean", "svm"])
def test_the_step_does_not_depend_on_the_units_of_the_latents(method: str) -> None:
    generator = np.random.default_rng(0)
    side = generator.random(300) < 0.4
    latents = generator.normal(size=(300, 5)) + np.outer(side, [1, 0.5, 0, 0, 0])
    others = generator.normal(size=(300, 5))[:2]
    units = np.array([100, 1e-3, 1, 7, 0.2])

    def step(given: np.ndarray, scaled: np.ndarray) -> np.ndarray:
        spread = fit_standardisation(given)
        direction = find_direction(given, side, spread, method)  # type: ignore[arg-type]
        standard_others = np.stack([spread.standardise_direction(other * scaled) for other in others])
        moved, scale = to_latent_space(orthogonalise(direction, standard_others), spread)
        return np.asarray(moved * scale)

    assert np.allclose(step(latents * units, units), units * step(latents, np.ones(5)), rtol=1e-3)


def test_a_dimension_that_never_varies_is_not_moved() -> None:
    generator = np.random.default_rng(0)
    latents = np.column_stack([generator.normal(size=(40, 2)), np.full(40, 3.0)])
    spread = fit_standardisation(latents)
    moved, _ = to_latent_space(find_direction(latents, latents[:, 0] > 0, spread, "svm"), spread)
    assert moved[2] == 0
    assert abs(moved[0]) > 0.9


def test_the_scale_of_a_direction_found_on_twenty_latents_is_not_overestimated() -> None:
    generator = np.random.default_rng(0)
    side = np.arange(20) < 10
    lengths = []
    for _ in range(20):
        latents = generator.normal(size=(20, 64))
        spread = fit_standardisation(latents)
        lengths.append(to_latent_space(find_direction(latents, side, spread, "mean"), spread)[1])
    assert np.mean(lengths) == pytest.approx(1, abs=0.25)  # without shrinkage it is above 2


def test_ten_marked_pictures_a_side_of_another_size_are_enough(run: Run, tmp_path: Path) -> None:
    pixels, values = marked(60, 0.5, seed=5)
    big = pixels.repeat(2, axis=2).repeat(2, axis=3)
    for name, chosen in (("with", values[:, 0]), ("without", ~values[:, 0])):
        write_marked(tmp_path / name, big[chosen][:10], values[chosen][:10])
    found = iw.attribute(run, positive=tmp_path / "with", negative=tmp_path / "without", save="patch", force=True)
    assert found.counts == (10, 10)
    assert found.name == "patch"
    assert "resized from 24x24 to 12x12" in found.notes[0]
    assert abs(leak(run, found)) < 0.4
    assert found.auc is not None
    assert found.auc > 0.95
    assert found.tested is not None
    assert found.auc_interval is not None
    assert found.auc_interval[0] <= found.auc <= found.auc_interval[1]
    with_it, without = found.tested
    assert (
        f"{with_it:,} {'held-out' if found.is_held_out else 'cross-validated'} with it and {without:,}"
        in found.lines()[1]
    )


def test_mirror_images_make_a_direction_symmetric(run: Run) -> None:
    """The pictures with the attribute are brighter on the left by chance; mirror images remove that."""
    generator = np.random.default_rng(0)
    pixels = generator.normal(100, 12, (12, 1, 12, 12))
    pixels[6:, :, 8:10] += 60
    pixels[6:, :, :, :6] += 40
    pictures = pixels.astype(np.uint8)
    found = iw.attribute(run, positive=pictures[6:], negative=pictures[:6], mirror=True)
    plain = iw.attribute(run, positive=pictures[6:], negative=pictures[:6])
    latents = iw.encode(run, np.concatenate([pictures, pictures[..., ::-1]]))
    side = torch.arange(24) % 12 >= 6
    difference = latents[side].mean(0) - latents[~side].mean(0)
    assert torch.allclose(found.direction, difference / difference.norm(), atol=1e-4)
    assert not torch.allclose(plain.direction, found.direction, atol=1e-2)
    assert found.counts == (6, 6)
    with pytest.raises(UserError, match="for marked pictures"):
        iw.attribute(run, pictures, "Patch", mirror=True)


def test_a_direction_is_saved_with_how_it_was_found(run: Run, independent: Path) -> None:
    found = iw.attribute(run, independent, "Stripe", orthogonal_to=["Patch"], save="the-stripe", force=True)
    saved = store.load(run, iw.load(run), "the-stripe", "direction")
    assert torch.equal(saved.tensors["direction"], found.direction)
    assert float(saved.tensors["direction"].norm()) == pytest.approx(1, abs=1e-5)
    assert saved.record["found"] == found.summary()
    assert "orthogonal to Patch" in saved.record["found"]
    assert saved.record["auc"] == found.auc


def test_the_sheet_moves_the_examples_of_both_sides(run: Run, independent: Path) -> None:
    found = iw.attribute(run, independent, "Patch")
    sheet = found.sheet([-1.0, 0.0])
    assert sheet.row_labels == ["without Patch", "without Patch", "with Patch", "with Patch"]
    assert sheet.column_labels == ["picture", "rebuilt", "-1", "0"]
    cells = torch.as_tensor(sheet.images).unflatten(0, (4, 4))
    assert torch.equal(cells[:, 1], cells[:, 3])  # strength 0 is the reconstruction
    assert torch.equal(cells[:, 2], iw.decode(run, found.examples - found.step))


@pytest.mark.learning
def test_samples_labelled_by_a_classifier_give_a_direction(run: Run, tmp_path: Path) -> None:
    pixels, values = marked(200, 0.5, seed=3)
    for name, chosen in (("patch", values[:, 0]), ("plain", ~values[:, 0])):
        write_marked(tmp_path / "set" / name, pixels[chosen], values[chosen])
        (tmp_path / "set" / name / "attributes.csv").unlink()
    classifier = iw.train("gda", tmp_path / "set", out=tmp_path / "classifier", reporter=Silent())
    found = iw.attribute(run, classifier=classifier, attribute="patch")
    assert abs(leak(run, found)) < 0.2
    assert "samples show patch" in found.notes[0]
    with pytest.raises(UserError, match="Did you mean 'patch'"):
        iw.attribute(run, classifier=classifier, attribute="pach")
    with pytest.raises(UserError, match="does not classify"):
        iw.attribute(run, classifier=run, attribute="patch")


# Measuring


class Brightness(nn.Module):
    """A classifier in closed form: the logit of `bright` is ten times the mean pixel, that of `dark` the opposite."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        mean = images.mean((1, 2, 3))
        return torch.stack([10 * mean, -10 * mean], 1)


def test_the_crossing_and_the_leakage_of_a_known_classifier(run: Run) -> None:
    model = iw.load(run)
    step = iw.encode(model, np.full((1, 1, 12, 12), 250, np.uint8))[0] / 4
    classifier = AttributeClassifier(("bright", "dark"), Brightness(), {"bright": 1.0, "dark": 1.0})
    effect = measure_effect(model, classifier, "bright", torch.zeros(3, *step.shape) - step, step)
    curve = effect.curve("bright")
    assert curve == sorted(curve)
    assert effect.crossing is not None
    after = next(place for place, value in enumerate(curve) if value >= 0.7)
    assert effect.strengths[after - 1] < effect.crossing <= effect.strengths[after]
    assert effect.leakage["dark"] == pytest.approx(-(0.7 - curve[0]), abs=1e-5)
    never = measure_effect(model, classifier, "dark", torch.zeros(3, *step.shape) + 2 * step, step)
    assert never.crossing is None
    assert never.leakage_strength == never.strengths[-1]


def test_measured_on_held_out_pictures(
    run: Run, confounded: Path, independent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attribute_classifier, "IMAGES_SEEN", 1920)
    effect = iw.attribute(run, independent, "Patch", held_out=confounded, measure=True).effect
    assert effect is not None
    assert effect.accuracy["Patch"] > 0.9
    assert effect.curve("Patch")[0] < 0.4
    assert effect.crossing is not None
    assert abs(effect.leakage["Stripe"]) < 0.25
    assert effect.real is not None
    assert "to 0.70 at strength" in " ".join(effect.lines())
    assert json.loads(json.dumps(effect.to_dict()))["leakage"]["Stripe"] == pytest.approx(
        effect.leakage["Stripe"], abs=1e-4
    )
    with pytest.raises(DataError, match="too few"):
        iw.attribute(run, iw.open_images(confounded).subset(np.arange(60)), "Patch", measure=True)


# Errors


def test_errors_of_names_sides_and_pictures(run: Run, independent: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Did you mean 'Patch'"):
        iw.attribute(run, independent, "patc")
    with pytest.raises(UserError, match="one of three"):
        iw.attribute(run)
    with pytest.raises(UserError, match=r"without it .negative=FOLDER. are missing"):
        iw.attribute(run, positive=independent)
    with pytest.raises(UserError, match="What to look for is missing"):
        iw.attribute(run, independent)
    with pytest.raises(UserError, match="is the attribute itself"):
        iw.attribute(run, independent, "Patch", balance=["Patch"])
    with pytest.raises(UserError, match="lies in their span"):
        iw.attribute(run, independent, "Patch", orthogonal_to=["Patch"])
    with pytest.raises(UserError, match="Did you mean 'Stripe'"):
        iw.attribute(run, independent, "Patch", orthogonal_to=["Strip"])
    with pytest.raises(UserError, match="in a run"):
        iw.attribute(iw.load(run), independent, "Patch", save="name")
    with pytest.raises(UserError, match="cannot be a name"):
        iw.attribute(run, independent, "Patch", save="12")
    with pytest.raises(UserError, match="needs labelled pictures"):
        iw.attribute(run, positive=independent, negative=independent, measure=True)
    pixels, values = marked(10, 0.5)
    with pytest.raises(DataError, match="No picture with Patch"):
        iw.attribute(run, write_marked(tmp_path / "none", pixels, values & False), "Patch")
    with pytest.raises(DataError, match="have no labels"):
        iw.attribute(run, pixels, "Patch")
    with pytest.raises(UserError, match="same latents"):
        iw.attribute(run, positive=pixels, negative=pixels)


def test_a_class_follows_from_the_others_and_cannot_be_balanced_over_them(run: Run, tmp_path: Path) -> None:
    pixels, values = marked(40, 0.5)
    for name, chosen in (("patch", values[:, 0]), ("plain", ~values[:, 0])):
        write_marked(tmp_path / name, pixels[chosen], values[chosen])
        (tmp_path / name / "attributes.csv").unlink()
    assert iw.attribute(run, tmp_path, "patch").counts == (int(values[:, 0].sum()), int((~values[:, 0]).sum()))
    with pytest.raises(UserError, match="follows from plain"):
        iw.attribute(run, tmp_path, "patch", balance=["all"])


def test_a_condition_of_a_conditional_model_needs_no_direction() -> None:
    with pytest.raises(UserError, match="no direction is needed"):
        iw.attribute(tiny_model("cgan"), marked(10, 0.5)[0], "one")


def test_a_direction_of_another_model_is_refused(run: Run, independent: Path, tmp_path: Path) -> None:
    other = fitted_pca(marked(100, 0.5, seed=9)[0], tmp_path / "other")
    path = iw.attribute(other, independent, "Stripe", save="stripe").saved
    with pytest.raises(UserError, match="latent space of another model"):
        iw.attribute(run, independent, "Patch", orthogonal_to=[str(path)])


@pytest.mark.learning
def test_few_marked_pictures_are_projected_by_a_model_without_encoder() -> None:
    model = tiny_model("dcgan")
    generator = torch.Generator().manual_seed(1)
    wanted = torch.randn(model.latent_shape, generator=generator)
    latents = torch.randn(6, *model.latent_shape, generator=generator)
    latents += 2 * torch.where(torch.arange(6) < 3, 1, -1)[:, None] * wanted
    values = np.array([1.0] * 3 + [0.0] * 3)
    values[[0, 5]] = np.nan  # not marked
    images = iw.open_images(iw.decode(model, latents).numpy()).with_attributes(values[:, None], ("bright",))
    found = iw.attribute(model, images, "bright")
    assert any("4 labelled pictures were projected" in note for note in found.notes)
    assert torch.nn.functional.cosine_similarity(found.direction.flatten(), wanted.flatten(), dim=0) > 0.3


def test_of_few_marked_pictures_among_many_the_others_are_not_decoded(run: Run, tmp_path: Path) -> None:
    pixels, values = marked(60, 0.5)
    folder = write_marked(tmp_path / "many", pixels, values)
    for number in range(5, 60):
        (folder / f"{number:04}.png").write_bytes(b"no picture")
    rows = [f"{number:04}.png,{int(patch)}" for number, (patch, _) in enumerate(values[:5])]
    rows += [f"{number:04}.png," for number in range(5, 60)]
    (tmp_path / "marks.csv").write_text("\n".join(["file,Patch", *rows]) + "\n")
    found = iw.attribute(run, str(folder), "Patch", labels=tmp_path / "marks.csv")
    same = iw.attribute(run, iw.open_images(pixels[:5]).with_attributes(values[:5, :1], ("Patch",)), "Patch")
    assert torch.allclose(found.direction, same.direction, atol=1e-5)
    assert any("55 pictures" in note for note in found.notes)
