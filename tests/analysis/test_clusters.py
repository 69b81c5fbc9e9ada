"""Clusters: sets with known groups, criteria and agreement with labels, bad input."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import imagewright as iw
from imagewright.errors import DataError, UserError


@pytest.fixture(scope="module")
def shapes() -> np.ndarray:
    """90 pictures: bars, squares and rings, each with its own position and brightness; uint8 (90, 1, 20, 20)."""
    generator = np.random.default_rng(0)
    pictures = np.full((90, 1, 20, 20), 30, np.float64)
    y, x = np.mgrid[:20, :20]
    for index, picture in enumerate(pictures[:, 0]):
        top, left = 9.5 + generator.normal(0, 0.8, 2)
        light = generator.uniform(140, 220)
        distance = np.hypot(y - top, x - left)
        kinds = np.abs(x - left) < 2, np.maximum(np.abs(y - top), np.abs(x - left)) < 5, np.abs(distance - 7) < 1.2
        picture[kinds[index % 3]] = light
    pictures += generator.normal(0, 4, pictures.shape)
    return pictures.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("method", ["kmeans", "gmm"])
@pytest.mark.parametrize("space", ["looks", "pixels", "edges"])
def test_known_groups_are_found(shapes, method: str, space: str) -> None:
    found = iw.cluster(shapes, clusters=3, method=method, space=space)
    assert sorted(found.sizes) == [30, 30, 30]
    assert all(len(set(found.labels[kind::3])) == 1 for kind in range(3))
    again = iw.cluster(shapes, clusters=3, method=method, space=space)
    assert (again.labels == found.labels).all()


def test_the_number_of_clusters_follows_from_the_silhouette(shapes) -> None:
    from sklearn.metrics import silhouette_score

    found = iw.cluster(shapes, space="edges")
    assert found.count == 3
    assert found.tried[3] == max(found.tried.values())
    assert found.tried[3] == pytest.approx(silhouette_score(found.points, found.labels), abs=1e-6)


def test_a_mixture_takes_the_least_bic(shapes) -> None:
    found = iw.cluster(shapes, method="gmm", space="edges")
    assert found.tried[found.count] == min(found.tried.values())
    assert found.criterion == "BIC"


def test_purity_and_information_by_hand() -> None:
    from imagewright.analysis.clusters.clusters import _compare_with_labels

    # Cluster 0 holds classes 0, 0, 1 and cluster 1 holds 1, 1, 1: five of six are of their cluster's most common class.
    purity, information = _compare_with_labels(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 1]))
    assert purity == pytest.approx(5 / 6)
    shares = np.array([[2, 0], [1, 3]]) / 6
    outer = np.outer(shares.sum(1), shares.sum(0))
    mutual = sum(p * np.log(p / q) for p, q in zip(shares.flat, outer.flat, strict=True) if p)
    entropies = [-(p * np.log(p)).sum() for p in (shares.sum(0), shares.sum(1))]
    assert information == pytest.approx(mutual / np.mean(entropies))
    assert _compare_with_labels(np.array([0, 1]), None) == (None, None)


def test_the_largest_cluster_is_the_first_and_distances_are_to_centres(shapes) -> None:
    found = iw.cluster(np.concatenate([shapes, shapes[::3]]), clusters=3, space="edges")
    assert found.sizes == [60, 30, 30]
    for cluster in range(3):
        members = found.points[found.labels == cluster]
        expected = np.linalg.norm(members - members.mean(axis=0), axis=1)
        assert np.allclose(found.distances[found.labels == cluster], expected, atol=1e-3)


def test_digits_against_their_labels(tmp_path) -> None:
    found = iw.cluster("digits", clusters=20)
    assert found.purity > 0.8
    assert found.mutual_information > 0.6
    paths = found.write(tmp_path / "out", layout="pca", thumbnails=True)
    assert all(path.is_file() for path in paths)
    rows = list(csv.DictReader(paths[0].read_text().splitlines()))
    assert [int(row["cluster"]) for row in rows] == found.labels.tolist()
    assert rows[0]["label"] in {str(digit) for digit in range(10)}
    assert json.loads(paths[4].read_text())["purity"] == found.purity
    places = list(csv.DictReader(paths[3].read_text().splitlines()))
    assert len({row["name"] for row in places}) == len(places) == len(found.labels)
    assert [int(row["cluster"]) for row in places] == found.labels.tolist()
    assert np.isfinite([[float(row["x"]), float(row["y"])] for row in places]).all()


def test_in_the_latents_of_a_run(tmp_path, shapes) -> None:
    run = iw.train("pca", iw.open_images(shapes, size=16), out=tmp_path / "run", components=6)
    found = iw.cluster(shapes, clusters=3, run=run)
    assert found.space == "pca latents"
    assert found.points.shape[1] <= 6
    assert any("resized to 16x16" in note for note in found.notes)
    assert len(set(found.labels)) == 3


def test_in_the_features_of_a_network(shapes) -> None:
    found = iw.cluster(shapes, clusters=3, features="random")
    assert found.space == "random features"
    assert sorted(found.sizes) == [30, 30, 30]
    with pytest.raises(UserError, match="both say what is compared"):
        iw.cluster(shapes, features="random", space="edges")


def test_it_is_said_if_the_most_clusters_that_were_tried_are_the_best(shapes, monkeypatch) -> None:
    from imagewright.analysis.clusters import methods

    assert not iw.cluster(shapes, space="edges").notes
    monkeypatch.setattr(methods, "TRIED", (2, 3))
    assert any("3 clusters were the most that were tried" in note for note in iw.cluster(shapes, space="edges").notes)
    assert not iw.cluster(shapes, space="edges", clusters=3).notes
    # Five different pictures make no more than five clusters: there is no more to try.
    few = np.repeat(shapes[:4], 5, axis=0)
    assert not any("more may be" in note for note in iw.cluster(few, space="edges").notes)


def test_thumbnails_carry_the_numbers_of_their_clusters(shapes, tmp_path, monkeypatch) -> None:
    from matplotlib.axes import Axes
    from matplotlib.offsetbox import AnnotationBbox

    frames, numbers = [], []
    add, annotate = Axes.add_artist, Axes.annotate
    monkeypatch.setattr(Axes, "add_artist", lambda self, each: frames.append(each) or add(self, each))
    monkeypatch.setattr(Axes, "annotate", lambda self, *a, **b: numbers.append(a) or annotate(self, *a, **b))
    found = iw.cluster(shapes, clusters=3, space="edges")
    found.write(tmp_path / "out", layout="pca", thumbnails=True)
    frames = [each for each in frames if isinstance(each, AnnotationBbox)]
    assert len(frames) == len(numbers) > 10
    assert {number for number, *_ in numbers} == {"0", "1", "2"}
    colours = {(number, frame.patch.get_edgecolor()) for (number, *_), frame in zip(numbers, frames, strict=True)}
    assert len(colours) == 3  # one colour a cluster


def test_what_cannot_be_clustered_is_refused(shapes) -> None:
    with pytest.raises(DataError, match="one picture"):
        iw.cluster(shapes[:1])
    with pytest.raises(DataError, match="are equal"):
        iw.cluster(np.full((6, 1, 16, 16), 7, np.uint8))
    with pytest.raises(UserError, match="clusters=91, but 90 pictures"):
        iw.cluster(shapes, clusters=91)
    with pytest.raises(UserError, match="only 2 pictures differ"):
        iw.cluster(np.repeat(shapes[:2], 4, axis=0), clusters=3)
    with pytest.raises(UserError, match="space='pixel'"):
        iw.cluster(shapes, space="pixel")


def test_two_pictures_are_two_clusters_and_a_sheet(tmp_path, shapes) -> None:
    found = iw.cluster(shapes[:2], clusters=2)
    assert found.sizes == [1, 1]
    assert len(found.write(tmp_path / "two")) == 5
    one = iw.cluster(shapes[:2])
    assert one.count == 1
    assert len(one.write(tmp_path / "one")) == 5
