"""Recipes of scores: keys and files of earlier versions stay valid.

The literal keys were computed before metrics and their options were renamed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import imagewright as iw
from imagewright.errors import ConfigError
from imagewright.metrics.features.cache import cache_key, load_features
from imagewright.metrics.plans import parse_metric
from imagewright.metrics.registry import METRICS, metric_named
from imagewright.metrics.score_recipes import ScoreRecipe, recipe_differences, recipe_key
from imagewright.pretrained.features.contract import About, open_network
from imagewright.runs.scores import read_scores

INCEPTION = About("inception", "ab" * 32, 2048, (299, 299), "tf-bilinear", 3, "-1 to 1", "MIT", 1008, True)
REFERENCE = {"source": "photos", "count": 5_000, "fingerprint": "cd" * 16}
EARLIER_KEYS = {
    "fd": "81138d3abf1c",
    "fd_infinity": "2bddf7a1b156",
    "kd": "4f73002ccfc9",
    "inception_score": "cd990d1866eb",
    "precision_recall": "1c1911164fbc",
    "density_coverage": "6d2375896bf8",
    "sliced_wasserstein": "1b4bf8566f7c",
    "ms_ssim": "6caae96d209c",
    "reconstruction": "4dc7f33cfd80",
    "lpips": "927325115eaf",
    "path_length": "d0312e0672f8",
    "equivariance": "ccb53342b276",
    "class_fd": "0be0e946548e",
    "classification_accuracy": "1ff1455ba7e6",
    "network_accuracy": "b61cff60c4e9",
    "memorisation": "c368ce755eef",
    "face_swap": "88bfa4be1810",
    "disentanglement": "d2461d057659",
    "kept_factors": "efdfec45f20b",
    "kept_pose": "7347035fb6ae",
    "likelihood": "03a8b77943fd",
}


def recipe_of(name: str, **changes: Any) -> dict[str, Any]:
    metric = metric_named(name)
    fields = {
        "metric": metric,
        "options": metric.options,
        "features": INCEPTION if {"features", "logits"} & metric.needs else None,
        "size": (64, 48),
        "channels": 3,
        "decode": "lanczos, crop none",
        "count": 10_000,
        "reference": REFERENCE,
        "training": None,
        "seed": 3,
        "protocol": None,
    }
    return ScoreRecipe(**fields | changes).to_dict()


@pytest.mark.parametrize("name", METRICS)
def test_keys_are_those_of_earlier_versions(name: str) -> None:
    assert recipe_key(json.loads(json.dumps(recipe_of(name)))) == EARLIER_KEYS[name]


def test_the_key_ignores_the_seed_the_interval_and_the_name_of_the_source() -> None:
    plain = recipe_key(recipe_of("fd"))
    assert recipe_key(recipe_of("fd", seed=4, options={"interval": False})) == plain
    assert recipe_key(recipe_of("fd", reference=REFERENCE | {"source": "elsewhere"})) == plain
    assert recipe_key(recipe_of("fd", reference=REFERENCE | {"fingerprint": "00"})) != plain
    assert recipe_key(recipe_of("fd", count=9_999)) != plain


def test_a_recipe_with_a_former_option_name_has_the_same_key() -> None:
    new = recipe_of("path_length")
    old = {**new, "options": {"ways" if name == "paths" else name: value for name, value in new["options"].items()}}
    assert recipe_key(old) == recipe_key(new)
    assert recipe_differences(old, new) == []
    fewer = recipe_of("path_length", options={**new["options"], "paths": 50})
    assert recipe_differences(old, fewer) == ["options ways: 2000 against 50"]


def test_a_former_option_name_is_still_parsed() -> None:
    assert parse_metric("path_length:ways=50").options == parse_metric("path_length:paths=50").options
    with pytest.raises(ConfigError, match="no option 'ways'"):
        parse_metric("fd:ways=50")


@pytest.mark.learning
def test_a_computed_score_has_its_earlier_key_and_value() -> None:
    """`evaluate` on the built-in digits, in features without weights: the whole pipeline from images to the key."""
    digits = iw.open_images("digits")
    one, other = digits.subset(np.arange(100)), digits.subset(np.arange(100, 300))
    metrics = ["fd", "kd:subsets=5,size=50", "precision_recall", "density_coverage"]
    found = iw.evaluate(one, other, size=16, metrics=metrics, features="pixels")
    assert {score.output: score.key for score in found.scores} == {
        "fd": "4e940e555c8f",
        "kd": "bdfe9e8fc11d",
        "precision": "636625160eeb",
        "recall": "636625160eeb",
        "density": "16087e9139a9",
        "coverage": "16087e9139a9",
    }
    values = {score.output: score.value for score in found.scores}
    assert values["fd"] == pytest.approx(109.56160511232413, rel=1e-6)
    assert values["kd"] == pytest.approx(0.008257054675970998, rel=1e-6)
    assert (values["precision"], values["recall"]) == (0.8, 0.81)


EARLIER_SCORES = {
    "format": 1,
    "scores": [
        {
            "subject": "runs/a",
            "metric": "path_length",
            "output": "path_length",
            "title": "perceptual path length",
            "value": 12.5,
            "better": "lower",
            "recipe": {
                "format": 1,
                "metric": "path_length",
                "options": {"distance": "vgg", "endpoints": "uniform", "epsilon": 0.0001, "ways": 2000},
                "features": None,
                "size": [64, 64],
                "channels": 3,
                "decode": None,
                "count": None,
                "reference": None,
                "training": None,
                "seed": 0,
                "protocol": None,
                "versions": {},
            },
            "key": "8131e065ca4c",
            "low": 12.0,
            "high": 13.0,
            "interval": "95 %, bootstrap over ways",
            "images_seen": 100,
            "warnings": ["a note"],
        }
    ],
}


def test_scores_of_earlier_versions_are_read(tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text(json.dumps(EARLIER_SCORES))
    (score,) = read_scores(tmp_path)
    assert (score.value, score.images_seen, score.warnings) == (12.5, 100, ("a note",))
    new = recipe_of("path_length", size=(64, 64), decode=None, count=None, reference=None, seed=0)
    assert recipe_key(score.recipe) == recipe_key(new) == score.key


def test_the_key_of_cached_features_is_that_of_earlier_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry written under a literal key is found; its header has the format of earlier versions."""
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path))
    images, network = iw.open_images("digits").subset(np.arange(100, 300)), open_network("random")
    assert cache_key(images, network.about) == "b824258194bf2563ef49194d326fc264"
    assert not load_features(images, network).found
    folder = tmp_path / "features"
    header = json.loads((folder / "b824258194bf2563ef49194d326fc264.json").read_text())
    assert list(header) == ["format", "count", "source", "shape", "about", "files"]
    assert list(header["files"]) == ["features", "moments"]
    assert load_features(images, network).found


# The list of metrics


def test_metrics_are_listed_after_the_subpackage_is_imported() -> None:
    import imagewright.metrics  # noqa: F401 - sets the attribute `metrics` of the package

    metrics = {metric.name: metric for metric in iw.list_metrics()}
    assert list(metrics) == list(METRICS)
    assert all(metric.summary and metric.source for metric in metrics.values())
    assert {output.better for output in metrics["fd"].outputs} == {"lower"}
    assert "model" in metrics["path_length"].needs
    json.dumps([metric.to_dict() for metric in metrics.values()])
    assert callable(iw.self_check)
    assert callable(iw.evaluate)


@pytest.mark.learning
def test_an_evaluation_is_printed_and_written(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (40, 8, 8)).astype(np.uint8)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    found = iw.evaluate(tmp_path, "digits", metrics=["fd"], features="random")
    (line,) = found.lines()
    assert line.startswith(f"{tmp_path}: Frechet distance ↓ ")
    assert found.to_dict()["scores"][0]["key"] == found.scores[0].key
    path = found.write(tmp_path / "scores.json")
    assert json.loads(path.read_text())["scores"][0]["value"] == found.scores[0].value
    assert found.write(tmp_path / "scores.csv").read_text().startswith("subject,")
