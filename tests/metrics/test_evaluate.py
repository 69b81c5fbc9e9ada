"""`evaluate` and `compare` through their public functions: scores, saved files, notes and errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import ConfigError, DataError, UserError
from imagewright.metrics import scorer as scorer_module
from imagewright.metrics.features.cache import cache_key, load_features
from imagewright.metrics.frechet.moments import Moments
from imagewright.metrics.pictures.ms_ssim import mean_similarity
from imagewright.metrics.score_recipes import recipe_differences
from imagewright.metrics.subjects import SampledPictures
from imagewright.pretrained.features.contract import open_network
from imagewright.runs.report.page import write_report
from imagewright.runs.scores import Score, add_scores, read_scores

FAST = {"metrics": ["fd:interval=false"], "features": "random", "reference_count": 100}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def digits() -> iw.Images:
    return iw.open_images("digits")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty of the digits as files."""
    place = tmp_path / "pictures"
    place.mkdir()
    pixels = iw.open_images("digits").batch(np.arange(40)).images
    for number, picture in enumerate(pixels):
        Image.fromarray(picture[0].numpy()).save(place / f"{number:02d}.png")
    return place


def value_of(found: object, output: str = "fd") -> float:
    return next(score.value for score in found.scores if score.output == output)  # type: ignore[attr-defined]


def test_the_frechet_distance_equals_its_closed_form(
    digits: iw.Images,
) -> None:
    one, other = digits.subset(np.arange(150)), digits.subset(np.arange(150, 250))
    assert value_of(iw.evaluate(other, other, **FAST)) == 0
    network = open_network("random")
    first, second = (load_features(images, network).extracted.features.astype(np.float64) for images in (one, other))
    covariances = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    values, vectors = np.linalg.eigh(covariances[0])
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ covariances[1] @ root).clip(0)).sum()
    truth = np.square(first.mean(0) - second.mean(0)).sum() + sum(map(np.trace, covariances)) - 2 * cross
    assert value_of(iw.evaluate(one, other, **FAST)) == pytest.approx(truth, rel=1e-6)


def test_scores_are_saved_in_the_run_with_their_recipe(tmp_path: Path) -> None:
    run = train_tiny("pca", simple_pictures(), tmp_path / "run")
    found = iw.evaluate(run, "digits", count=64, **FAST)
    (saved,) = read_scores(run.path)
    assert saved == found.scores[0]
    assert (saved.title, saved.features) == ("Frechet distance", "random")
    assert saved.recipe["count"] == 64
    assert saved.recipe["reference"]["count"] == 100
    assert saved.recipe["features"]["resize"] == open_network("random").about.resize
    assert any("advised" in warning for warning in saved.warnings)
    assert saved.key in write_report(run.path).read_text()
    assert len((run.path / "scores.csv").read_text().splitlines()) == 2
    assert iw.evaluate(run, "digits", count=64, **FAST).scores == found.scores  # the same seed, the same number
    assert len(read_scores(run.path)) == 1


def test_save_false_leaves_the_run_unchanged(tmp_path: Path) -> None:
    run = train_tiny("pca", simple_pictures(), tmp_path / "run")
    iw.evaluate(run, "digits", count=64, save=False, **FAST)
    assert not (run.path / "scores.json").exists()


def test_a_second_evaluation_computes_no_reference_features(digits: iw.Images, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = digits.subset(np.arange(100)), digits.subset(np.arange(100, 300))
    first = iw.evaluate(one, other, **FAST)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("features were computed again")

    monkeypatch.setattr("imagewright.metrics.features.cache.extract_features", refuse)
    assert iw.evaluate(one, other, **FAST).scores == first.scores


def test_moments_of_many_pictures_are_computed_once(digits: iw.Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are stored beside the features; those of few pictures are computed sooner than they are read."""
    few, many = digits.subset(np.arange(40)), digits.subset(np.arange(200))
    computed: list[int] = []
    compute = Moments.from_features

    def count(features: np.ndarray, *arguments: int) -> Moments:
        computed.append(len(features))
        return compute(features, *arguments)

    monkeypatch.setattr(Moments, "from_features", count)
    options = FAST | {"metrics": ["fd:interval=false", "fd_infinity:smallest=16,subsets=3"], "reference_count": None}
    first = iw.evaluate(few, many, **options)
    computed_first, computed[:] = computed.count(200), []
    assert iw.evaluate(few, many, **options).scores == first.scores
    assert (computed_first, computed.count(200), computed.count(40)) == (1, 0, 1)


@pytest.mark.parametrize("kind", ["features", "moments", "json"])
def test_a_truncated_cache_entry_is_extracted_again(digits: iw.Images, tmp_path: Path, kind: str) -> None:
    network, images = open_network("random"), digits.subset(np.arange(160))  # of 608 features: moments are stored
    truth = load_features(images, network).extracted.features.copy()
    path = tmp_path / "cache" / "features" / f"{cache_key(images, network.about)}.{kind}"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    again = load_features(images, network)
    assert not again.found
    assert np.array_equal(again.extracted.features, truth)
    assert load_features(images, network).found


def test_a_changed_cache_entry_is_extracted_again(digits: iw.Images, tmp_path: Path) -> None:
    network, images = open_network("random"), digits.subset(np.arange(50))
    truth = load_features(images, network).extracted.features.copy()
    path = tmp_path / "cache" / "features" / f"{cache_key(images, network.about)}.features"
    changed = bytearray(path.read_bytes())
    changed[17] ^= 255
    path.write_bytes(changed)
    again = load_features(images, network)
    assert not again.found
    assert np.array_equal(again.extracted.features, truth)


def test_folders_of_any_size_and_notes_on_conversions(folder: Path, tmp_path: Path) -> None:
    rgb = tmp_path / "rgb"
    rgb.mkdir()
    for path in folder.glob("*.png"):
        with Image.open(path) as picture:
            picture.convert("RGB").resize((20, 20)).save(rgb / path.name)
    found = iw.evaluate([folder, rgb], folder, **FAST)
    assert len(found.scores) == 2
    assert any("8x8 to the 20x20" in note for note in found.notes)
    assert any("are grey and are converted to RGB" in note for note in found.notes)
    assert found.scores[0].key != found.scores[1].key  # other sizes: another recipe
    same = iw.evaluate([folder, rgb], folder, size=16, **FAST)
    assert "channels: 1 against 3" in recipe_differences(*(score.recipe for score in same.scores))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metrics": ["fdd"]}, "Did you mean 'fd'"),
        ({"features": "inceptoin"}, "Did you mean 'inception'"),
        ({"metrics": ["kd:subset=3"]}, "has no option 'subset'"),
        ({"metrics": ["kd:subsets=many"]}, "a whole number was expected"),
        ({"protocols": ["fid50k_ful"]}, "Did you mean 'fid50k_full'"),
        ({"protocols": ["fid50k_full"], "count": 10}, "fixes it"),
        ({"metrics": ["inception_score"]}, "have no logits"),
        ({"metrics": ["classification_accuracy"]}, "have none"),
        ({"metrics": ["reconstruction"]}, "needs a model"),
        ({"metrics": ["precision_recall"], "count": 2}, "at least"),
        ({"count": 0}, "at least one picture"),
    ],
)
def test_mistakes_raise(folder: Path, options: dict[str, object], words: str) -> None:
    given = FAST | options if "protocols" not in options else options
    with pytest.raises(UserError, match=words):
        iw.evaluate(folder, "digits", **given)


def test_features_that_are_not_finite_raise(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = open_network("random")

    class Broken:
        about, block, concurrent = network.about, network.block, network.concurrent
        prepare = staticmethod(network.prepare)

        @staticmethod
        def extract(prepared: torch.Tensor) -> object:
            found = network.extract(prepared)
            found.pooled[3] = torch.nan
            return found

    monkeypatch.setattr(scorer_module, "open_features", lambda *_, **__: Broken())
    with pytest.raises(DataError, match="of picture 3 are not finite"):
        iw.evaluate(folder, "digits", **FAST)


def test_a_model_that_cannot_sample_raises_with_an_alternative(tmp_path: Path) -> None:
    run = train_tiny("autoencoder", simple_pictures(), tmp_path / "run")
    with pytest.raises(DataError, match="metrics=reconstruction"):
        iw.evaluate(run, "digits", **FAST)
    found = iw.evaluate(run, "digits", metrics=["reconstruction"])
    assert {score.output for score in found.scores} == {"psnr", "ssim"}


def test_the_default_reference_is_the_training_set(tmp_path: Path) -> None:
    run = train_tiny("pca", "digits", tmp_path / "run")
    found = iw.evaluate(run, count=64, **FAST)
    assert any("its own training pictures, digits" in note for note in found.notes)
    with pytest.raises(DataError, match="--against SOURCE"):
        iw.evaluate(iw.load(run), count=64, **FAST)


def score(subject: str, value: float, seen: int, **recipe: object) -> Score:
    whole = {"metric": "fd", "features": {"name": "random"}, "count": 100, **recipe}
    return Score(subject, "fd", "fd", "FD", value, "lower", whole, json.dumps(whole)[:40], images_seen=seen)


def test_a_comparison_has_a_column_for_each_recipe(tmp_path: Path) -> None:
    one, other = (
        train_tiny("pca", simple_pictures(), tmp_path / "one"),
        train_tiny("vae", simple_pictures(), tmp_path / "other"),
    )
    add_scores(one.path, [score("one", 3.0, 10), score("one", 2.0, 20)])
    add_scores(other.path, [score("other", 4.0, 10), score("other", 5.0, 20, count=200)])
    found = iw.compare([one, other])
    titles = [column.title for column in found.columns]
    assert len(titles) == len(set(titles))
    page = found.write(tmp_path / "page.html").read_text()
    assert "Samples of seed 0" in page
    assert page.count("data:image/png;base64") == 4  # samples and a row of checkpoints of each
    assert "training pictures of one and other" in page


def test_a_comparison_shows_training_pictures_of_runs_that_hold_none_from_their_source(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures.npz"
    np.savez(pictures, images=simple_pictures().transpose(0, 2, 3, 1))
    runs = [iw.train("pca", pictures, out=tmp_path / name, components=2) for name in ("one", "other")]
    for run in runs:
        (run.path / "training_pictures.png").unlink()  # as in a run of an earlier version
    page = iw.compare(runs).write(tmp_path / "page.html").read_text()
    assert "training pictures of one and other" in page
    pictures.unlink()
    assert "training pictures" not in iw.compare(runs).write(tmp_path / "without.html").read_text()


def test_a_comparison_of_one_run_raises(tmp_path: Path) -> None:
    run = train_tiny("pca", simple_pictures(), tmp_path / "run")
    with pytest.raises(UserError, match="two different runs"):
        iw.compare([run, run.path])


def test_a_protocol_with_an_argument_that_it_fixes_raises(folder: Path) -> None:
    with pytest.raises(ConfigError, match="fixes it"):
        iw.evaluate(folder, folder, protocols=["kid50k_full"], features="random")


@pytest.mark.learning
def test_two_processes_extract_the_same_features_once(tmp_path: Path) -> None:
    script = (
        "import sys, numpy as np, imagewright as iw\n"
        "from imagewright.metrics.features.cache import load_features\n"
        "from imagewright.pretrained.features.contract import open_network\n"
        "cached = load_features(iw.open_images('digits').subset(range(64)), open_network('random'))\n"
        "print(cached.found, float(np.asarray(cached.extracted.features, np.float64).sum()))\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate(timeout=120)[0].split() for process in processes]
    assert sorted(found for found, _ in printed) == ["False", "True"]
    assert printed[0][1] == printed[1][1]


def test_a_run_trained_on_a_part_of_its_source_raises(folder: Path, tmp_path: Path) -> None:
    for number, path in enumerate(sorted(folder.glob("*.png"))):
        place = folder / ("train" if number % 2 else "test")
        place.mkdir(exist_ok=True)
        path.rename(place / path.name)
    run = train_tiny("pca", iw.open_images(folder, split="test"), tmp_path / "run")  # the default split is train
    with pytest.raises(DataError, match="does not hold the same pictures now"):
        iw.evaluate(run, count=32, **FAST)


def test_pairs_within_a_class_use_the_conditions_of_the_model(tmp_path: Path) -> None:
    run = train_tiny("cgan", simple_pictures(), tmp_path / "run")
    sample = SampledPictures(iw.load(run), 40, 0)
    within = mean_similarity(sample, 30, 0, sample.labels())
    found = iw.evaluate(run, "digits", metrics=["ms_ssim:within_class=true,pairs=30"], count=40)
    assert value_of(found, "ms_ssim") == within.value


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_missing_device_raises(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"this machine has .*cpu only"):
        iw.evaluate(folder, folder, device="cuda", **FAST)
