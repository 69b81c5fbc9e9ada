"""A model that is initialised by its training images: the conditional GAN on clusters of similar pictures."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import Messages, train_tiny
from workers import ranks, train_as_rank

import imagewright as iw
from imagewright.cli.app import app
from imagewright.errors import ConfigError, DataError, RunError
from imagewright.models.adversarial.cgan import CGAN
from imagewright.pixels import to_float
from imagewright.runs.training_pictures import read_training_pictures
from imagewright.verbs.apply import sample_numbered_latents

TINY: dict[str, Any] = {
    "condition": "clusters",
    "clusters": 3,
    "width": 4,
    "latent_dim": 4,
    "batch_size": 8,
    "images_seen": 32,
    "precision": "fp32",
    "device": "cpu",
    "defaults": "published",
    "held_out": 0,
}
COUNTS = (30, 20, 10)  # of dark, grey and bright pictures


def grouped_pictures() -> tuple[np.ndarray, np.ndarray]:
    """uint8 (60, 3, 16, 16) of three brightnesses, in mixed order, and which each has, 0 the most frequent."""
    generator = np.random.default_rng(0)
    groups = generator.permutation(np.repeat(np.arange(3), COUNTS))
    noise = generator.integers(-20, 21, (len(groups), 3, 16, 16))
    return (np.array([30, 128, 220])[groups][:, None, None, None] + noise).astype(np.uint8), groups


def train_on_clusters(out: Path, **options: Any) -> iw.Run:
    return iw.train("cgan", grouped_pictures()[0], out, **(TINY | options))


def trained(run: iw.Run) -> CGAN:
    model = iw.load(run)
    assert isinstance(model, CGAN)
    return model


def test_clusters_of_similar_pictures_are_the_classes(tmp_path: Path) -> None:
    heard = Messages()
    run = train_on_clusters(tmp_path / "run", reporter=heard, images_seen=512)
    assert any("3 clusters of 30, 20, 10 pictures" in line for line in heard.texts)
    model, (pictures, groups) = trained(run), grouped_pictures()
    assigned = model.clusters.assign(torch.from_numpy(pictures) / 127.5 - 1)
    assert assigned.tolist() == groups.tolist()  # the largest cluster is the first
    assert model.class_names == ("cluster 0", "cluster 1", "cluster 2")
    # Samples have the frequencies of the pictures: 1/2, 1/3 and 1/6; the latest 512 of 60 pictures, each 8 or 9 times.
    sampled = model.sample_latents(6_000, torch.Generator().manual_seed(0))[:, -3:].mean(0)
    assert sampled.tolist() == pytest.approx([1 / 2, 1 / 3, 1 / 6], abs=0.03)
    with suppress(SystemExit):
        app(["sample", str(run.path), "--label", "cluster 2", "--count", "2", "--out", str(tmp_path / "third.png")])
    assert (tmp_path / "third.png").exists()


def test_a_resumed_training_keeps_its_clusters(tmp_path: Path) -> None:
    whole = trained(train_on_clusters(tmp_path / "whole"))
    train_on_clusters(tmp_path / "parts", images_seen=16)
    heard = Messages()
    run = iw.train("cgan", grouped_pictures()[0], tmp_path / "parts", resume=True, images_seen=32, reporter=heard)
    assert not any("clusters of" in line for line in heard.texts)
    resumed = trained(run).state_dict()
    assert all(torch.equal(value, resumed[name]) for name, value in whole.state_dict().items())


def test_a_training_from_another_run_keeps_the_clusters_of_that_run(tmp_path: Path) -> None:
    first = train_on_clusters(tmp_path / "first")
    others = np.flip(grouped_pictures()[0][:40], 0).copy()
    options = TINY | {"start": str(first.path), "images_seen": 8}
    second = iw.train("cgan", others, tmp_path / "second", **options)
    assert torch.equal(trained(second).clusters.centres, trained(first).clusters.centres)
    third = trained(iw.train("cgan", others, tmp_path / "third", **(options | {"clusters": 2})))
    assert third.clusters.is_fitted  # anew, since the other run has another number of them


def test_held_out_pictures_are_in_no_cluster(tmp_path: Path) -> None:
    heard = Messages()
    train_on_clusters(tmp_path / "run", reporter=heard, held_out=20)
    line = next(line for line in heard.texts if "clusters of" in line)
    sizes = [int(size) for size in line.removeprefix("3 clusters of ").split(" pictures")[0].split(", ")]
    assert sum(sizes) == 40


def test_more_clusters_than_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"clusters=61.*60 pictures"):
        train_on_clusters(tmp_path / "run", clusters=61)
    assert not (tmp_path / "run").exists()
    copies = np.repeat(grouped_pictures()[0][:2], 10, 0)
    with pytest.raises(DataError, match=r"clusters=3.*2 different pictures"):
        iw.train("cgan", copies, tmp_path / "copies", **TINY)


def test_pictures_without_labels_are_told_of_clusters(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--condition clusters"):
        train_on_clusters(tmp_path / "run", condition="auto", clusters=8)
    with pytest.raises(ConfigError, match="clusters=5 is used with --condition clusters"):
        train_on_clusters(tmp_path / "run", condition="auto", clusters=5)
    with pytest.raises(ConfigError, match="clusters='5', but it must be a whole number"):
        train_on_clusters(tmp_path / "run", clusters="5")


def test_scores_by_class_take_the_clusters_of_the_model(tmp_path: Path) -> None:
    run, (pictures, groups) = train_on_clusters(tmp_path / "run"), grouped_pictures()
    names = tuple(f"cluster {number}" for number in range(3))
    wrong = iw.open_images(pictures, size=16).with_labels(
        (groups == 0) * 1, ("bright", "dark")
    )  # labels of other classes
    some: dict[str, Any] = {"metrics": ["class_fd", "classification_accuracy"], "features": "pixels"}
    found = iw.evaluate(run, wrong, count=60, **some, save=False)
    model = trained(run)
    classes = [int(sample_numbered_latents(model, [number], 0)[0, -3:].argmax()) for number in range(60)]
    sampled = iw.open_images(iw.sample(run, 60), size=16).with_labels(classes, names)
    expected = iw.evaluate(sampled, wrong.with_labels(groups, names), **some)
    assert [score.value for score in found.scores] == pytest.approx([score.value for score in expected.scores])
    assert any("clusters of" in note and "not labels" in note for note in found.notes)
    assert "clusters" in str(found.scores[0].recipe)


def test_training_pictures_are_one_of_each_cluster(tmp_path: Path) -> None:
    run = train_on_clusters(tmp_path / "run")
    (shown,) = read_training_pictures(run)
    assert trained(run).find_classes(to_float(torch.tensor(shown))).tolist() == [0, 1, 2]


def test_a_set_with_other_labels_resumes_a_training_on_clusters(tmp_path: Path) -> None:
    pictures, groups = grouped_pictures()
    images = iw.open_images(pictures, size=16)
    first = images.with_labels(groups, ("a", "b", "c"))
    run = iw.train("cgan", first, tmp_path / "run", **(TINY | {"images_seen": 8}))
    other = images.with_labels(2 - groups, ("a", "b", "c"))
    resumed = iw.train("cgan", other, run.path, resume=True, images_seen=16)
    assert resumed.latest()[0].images_seen == 16
    labelled = iw.train(
        "cgan", first, tmp_path / "labelled", **(TINY | {"images_seen": 8, "condition": "labels", "clusters": 8})
    )
    with pytest.raises(RunError, match="labels or attributes"):
        iw.train("cgan", other, labelled.path, resume=True, images_seen=16)


@pytest.mark.learning
def test_two_ranks_have_the_clusters_of_one(tmp_path: Path) -> None:
    options = {"condition": "clusters", "clusters": 3, "precision": "fp32"}
    one = train_tiny("cgan", None, tmp_path / "one", **options)
    ranked = ranks(train_as_rank, 2, "cgan", tmp_path / "two", tmp_path, **options)
    for process in ranked:
        process.join(60)
    assert [process.exitcode for process in ranked] == [0, 0]
    two = iw.Run(tmp_path / "two")
    assert torch.equal(trained(two).clusters.centres, trained(one).clusters.centres)
    assert (tmp_path / "weights-0").read_text() == (tmp_path / "weights-1").read_text()
