"""Neighbours: copies of training pictures are found, and new pictures are not taken for copies."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.neighbors import NearestNeighbors
from tiny import tiny_model
from torch import nn

import imagewright as iw
from imagewright import catalogue
from imagewright.errors import DataError, UserError
from imagewright.images import Images
from imagewright.images.float_stream import FloatStream
from imagewright.latent.neighbours.verdict import compare_distances, state_verdict
from imagewright.model import Model


@pytest.fixture(scope="module")
def digits() -> tuple[Images, Images]:
    """Training and held-out digits."""
    images = iw.open_images("digits").prepare()
    order = np.random.default_rng(0).permutation(len(images))
    return images.subset(np.sort(order[:500])), images.subset(np.sort(order[500:1000]))


def fitted(name: str, images: Images, **options: float) -> Model:
    model_class = catalogue.model_class(name)
    model = model_class(model_class.Config(size=images.size, channels=images.channels, **options))
    model.fit(FloatStream(images))
    return model.eval()


@pytest.fixture(scope="module")
def pca(digits: tuple[Images, Images]) -> Model:
    return fitted("pca", digits[0], components=20)


@pytest.mark.parametrize("with_held_out", [True, False], ids=["held-out", "leave-one-out"])
def test_narrow_kernels_have_memorised_and_one_gaussian_has_not(
    digits: tuple[Images, Images], pca: Model, *, with_held_out: bool
) -> None:
    training, held_out = digits
    control = held_out if with_held_out else None
    narrow = iw.neighbours(fitted("kde", training, bandwidth=0.2), training, control, count=200)
    assert narrow.memorised
    assert narrow.verdict.startswith("Memorised")
    assert narrow.spaces[0].share > 0.9
    new = iw.neighbours(pca, training, control, count=200)
    assert not new.memorised
    assert new.spaces[0].p_value > 0.1


def test_a_few_copies_among_new_pictures_are_found(digits: tuple[Images, Images], pca: Model) -> None:
    training, held_out = digits
    new = iw.open_images("digits").subset(
        np.setdiff1d(np.arange(1797), np.r_[training._selection, held_out._selection])
    )
    pictures = new.batch(np.arange(400)).images
    plain = iw.neighbours(pca, training, held_out, samples=pictures)
    assert not plain.memorised
    assert abs(plain.spaces[0].statistic) < 3
    pictures[::20] = training.batch(np.arange(20)).images
    mixed = iw.neighbours(pca, training, held_out, samples=pictures)
    assert mixed.memorised
    assert set(mixed.suspects()[:20].tolist()) == set(range(0, 400, 20))
    assert mixed.spaces[0].indices[::20, 0].tolist() == list(range(20))
    assert mixed.spaces[0].distances[::20, 0].max() < 1e-3


def test_copies_in_another_contrast_are_copies_and_pale_blends_are_not(
    digits: tuple[Images, Images], pca: Model
) -> None:
    training, held_out = digits
    half = training.batch(np.arange(100)).images.float()
    darker = (0.6 * half + 10).round().to(torch.uint8)
    assert iw.neighbours(pca, training, held_out, samples=darker).spaces[0].share > 0.5
    blend = torch.stack(
        [half[torch.randperm(100, generator=torch.Generator().manual_seed(k))[:12]].mean(0) for k in range(100)]
    )
    pale = iw.neighbours(pca, training, held_out, samples=blend.round().to(torch.uint8))
    assert not pale.spaces[0].has_copies


def test_the_nearest_are_those_of_scikit_learn(digits: tuple[Images, Images], pca: Model) -> None:
    training, held_out = digits
    found = iw.neighbours(pca, training, held_out, count=30)
    places = np.linspace(0, 499, 30).astype(np.int64)
    pictures = (training.batch(np.arange(500)).images, found.samples, held_out.batch(places).images)
    rows = [each.flatten(1) / 127.5 for each in pictures]
    rows = [(each - each.mean(1, keepdim=True)) / each.std(1, keepdim=True) for each in rows]
    known, asked = (nn.functional.normalize(each - rows[2].mean(0)) for each in rows[:2])
    expected = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(known.numpy()).kneighbors(asked.numpy())
    assert torch.allclose(found.spaces[0].distances[:, :5], torch.from_numpy(expected[0]).float(), atol=1e-5)


def test_notes_on_the_control(digits: tuple[Images, Images], pca: Model) -> None:
    training, held_out = digits
    alone = iw.neighbours(pca, training, count=50)
    assert alone.control == "training pictures, each left out,"
    assert "No held-out pictures were given" in alone.notes[0]
    assert "The control has only 50 pictures" in alone.notes[-1]
    half = iw.open_images("digits").subset(np.r_[training._selection[:100], held_out._selection[:100]])
    seen = iw.neighbours(pca, training, half, count=200)
    assert seen.notes == (
        "100 of 200 held-out pictures are among the training pictures (100 exact duplicates): they are left out of the "
        "control.",
    )
    alone_held = iw.neighbours(pca, training, half.subset(np.arange(100, 200)), count=200)
    assert seen.spaces[0].threshold == alone_held.spaces[0].threshold
    with pytest.raises(DataError, match="All held-out pictures are training pictures"):
        iw.neighbours(pca, training, training, count=100)
    assert iw.neighbours(pca, training, held_out, count=200).notes == ()


def smooth_pictures(count: int, seed: int) -> np.ndarray:
    """Random mixtures of twelve blurred patterns, each with a little of its own: uint8 (count, 3, 32, 32)."""

    def blurred(number: int, sigma: float, generator: np.random.Generator) -> np.ndarray:
        found = gaussian_filter(generator.standard_normal((number, 3, 32, 32)), (0, 0, sigma, sigma))
        return found / found.std()

    generator = np.random.default_rng([seed, 1])
    patterns = blurred(12, 3, np.random.default_rng(0))
    mixed = np.tensordot(generator.standard_normal((count, 12)), patterns, 1) / 12**0.5
    return (128 + 40 * mixed + 8 * blurred(count, 1.5, generator)).clip(0, 255).astype(np.uint8)


def recompressed(pictures: np.ndarray) -> np.ndarray:
    """The same pictures, brighter and after JPEG: near-duplicates."""
    found = []
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(picture.transpose(1, 2, 0)).save(file, "JPEG", quality=80)
        found.append(np.asarray(Image.open(file)).transpose(2, 0, 1))
    return (np.stack(found) * 1.05).clip(0, 255).astype(np.uint8)


def noisy(pictures: np.ndarray) -> np.ndarray:
    """The same pictures under strong noise: near one another, but not recognised as duplicates."""
    noise = np.random.default_rng(5).normal(0, 18, pictures.shape)
    return (pictures + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("with_held_out", [True, False], ids=["held-out", "leave-one-out"])
@pytest.mark.parametrize(
    ("share", "change"),
    [
        pytest.param(0, recompressed, marks=pytest.mark.learning),
        (0.02, recompressed),
        pytest.param(0.02, noisy, marks=pytest.mark.learning),
        pytest.param(0.2, recompressed, marks=pytest.mark.learning),
        (0.2, noisy),
    ],
)
def test_near_duplicates_do_not_hide_that_a_model_only_copies(
    share: float, change: Callable[[np.ndarray], np.ndarray], *, with_held_out: bool
) -> None:
    pictures = smooth_pictures(200, 0)
    repeated = round(share * 200)
    if repeated:
        pictures = np.concatenate([pictures, change(pictures[:repeated])])
    training = iw.open_images(pictures)
    control = smooth_pictures(200, 1) if with_held_out else None
    copied = iw.neighbours(fitted("kde", training, bandwidth=0.05), training, control, count=100)
    assert copied.memorised
    assert copied.verdict.startswith("Memorised")
    if change is recompressed:
        said = [note for note in copied.notes if f"{repeated} of {200 + repeated} training pictures repeat" in note]
        assert len(said) == (repeated > 0)
    honest = iw.neighbours(fitted("pca", training, components=12), training, control, count=100)
    assert not honest.memorised


@pytest.mark.parametrize("with_held_out", [True, False], ids=["held-out", "leave-one-out"])
def test_pictures_held_more_than_fifty_times_are_still_copied(*, with_held_out: bool) -> None:
    pictures = smooth_pictures(30, 0).repeat(60, axis=0)
    training = iw.open_images(pictures)
    control = smooth_pictures(100, 1) if with_held_out else None
    samples = (pictures[::17] + np.random.default_rng(2).normal(0, 4, pictures[::17].shape)).clip(0, 255)
    model = fitted("pca", training, components=10)
    found = iw.neighbours(model, training, control, samples=samples.astype(np.uint8))
    assert found.verdict.startswith("Memorised")
    assert "1,770 of 1,800 training pictures repeat another (1,770 exact duplicates)" in found.notes[0]
    # The neighbours are different pictures, by their places among all training pictures.
    assert found.spaces[0].indices[:, :2].remainder(60).max() == 0
    assert (found.spaces[0].indices[:, 0] // 60).tolist() == [row * 17 // 60 for row in range(len(samples))]


def test_frames_that_follow_one_another_are_not_one_picture() -> None:
    wide = smooth_pictures(1, 0)[0]
    frames = np.stack([np.roll(wide, step, axis=2) for step in range(8)])
    blended = np.concatenate([(a * (1 - t) + b * t)[None] for a, b in pairwise(frames) for t in (0, 0.25, 0.5, 0.75)])
    training = iw.open_images(blended.astype(np.uint8))
    found = iw.neighbours(fitted("pca", training, components=5), training, count=20)
    assert len(found.spaces[0].control_distances) >= 3


def test_the_curves_have_a_say() -> None:
    distances = torch.rand(200, 51, generator=torch.Generator().manual_seed(0)).add(9).sort(1).values
    samples, control = distances[:100].clone(), distances[100:].clone()
    honest = compare_distances("pixels", samples, torch.zeros(100, 51, dtype=torch.int64), control)
    assert not honest.has_copies
    assert honest.relatively_nearer == pytest.approx(0.5, abs=0.1)
    control[:5, 0] *= 0.01  # near-duplicates that are in the control
    samples[:60, 0] *= 0.5
    found = compare_distances("pixels", samples, torch.zeros(100, 51, dtype=torch.int64), control)
    assert found.share == 0
    assert found.has_copies
    assert found.far_below == pytest.approx(0.6, abs=0.02)
    assert found.control_far_below == pytest.approx(0.05, abs=0.02)
    verdict = state_verdict([found], "held-out pictures", held_out=True)
    assert verdict.startswith("Memorised: 60.0% of the samples are far nearer to one training picture")


def test_little_detail_is_told_from_copies_that_begin() -> None:
    generator = torch.Generator().manual_seed(0)
    control = torch.rand(200, 51, generator=generator).add(9).sort(1).values
    nowhere = torch.zeros(200, 51, dtype=torch.int64)
    pale = compare_distances("pixels", 0.5 * control, nowhere, control)
    assert state_verdict([pale], "others", held_out=False).endswith("so do samples of little detail.")
    near = control.clone()
    near[:, 0] -= 0.4
    begun = compare_distances("pixels", near, nowhere, control)
    if not begun.has_copies:
        assert state_verdict([begun], "others", held_out=False).endswith("of a model that begins to memorise.")


def test_spaces_are_of_the_model_or_of_another_run(digits: tuple[Images, Images], pca: Model) -> None:
    training = digits[0].subset(np.arange(100))
    assert [space.space for space in iw.neighbours(pca, training, count=9).spaces] == ["pixels", "the model's latents"]
    gan = tiny_model("dcgan", training.size, 1)
    found = iw.neighbours(pca, training, count=9, features=gan)
    assert found.spaces[1].space == "the other run's features"
    fixed = iw.neighbours(pca, training, count=9, features="random")
    assert fixed.spaces[1].space == "features of random"
    copies = iw.neighbours(pca, training, count=9, features="random", samples=training.subset(np.arange(9)))
    assert torch.equal(copies.spaces[1].indices[:, 0], torch.arange(9))
    sampler = tiny_model("naive_bayes", training.size, 1)
    with pytest.raises(UserError, match=r"has no features.*--features RUN"):
        iw.neighbours(pca, training, features=sampler, count=9)


def test_the_sheet_shows_samples_and_neighbours_in_both_spaces(digits: tuple[Images, Images], pca: Model) -> None:
    found = iw.neighbours(pca, *(each.subset(np.arange(100)) for each in digits), count=30)
    assert found.lines()[-1] == found.verdict
    assert set(json.loads(json.dumps(found.to_dict()))["spaces"]) == {"pixels", "the model's latents"}
    sheet = found.sheet().draw()
    assert sheet.width > 11 * 100
    assert sheet.height > 8 * 100
    few = iw.neighbours(pca, digits[0].subset(np.arange(3)), count=2)
    assert few.sheet().draw().width > 100


def test_too_few_and_equal_pictures(pca: Model) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (1, 1, *pca.config.size)).astype(np.uint8)
    with pytest.raises(DataError, match="1 training pictures are too few"):
        iw.neighbours(pca, picture)
    with pytest.raises(DataError, match="All training pictures are equal"):
        iw.neighbours(pca, picture.repeat(5, axis=0), count=4)
    with pytest.raises(UserError, match="count=0"):
        iw.neighbours(pca, picture, count=0)
