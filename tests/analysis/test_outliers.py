"""Outliers: detectors against scikit-learn, out-of-fold scoring, planted outliers, moving files, bad input."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import imagewright as iw
from imagewright.analysis.outliers.detectors import DETECTORS, PrincipalProjection, ProjectedPictures, build_detector
from imagewright.analysis.outliers.methods import ENSEMBLE, EVERY, select_methods
from imagewright.analysis.outliers.moving import move_files, put_back
from imagewright.analysis.outliers.outliers import check_outputs
from imagewright.analysis.spaces import EdgeFeatures, PixelFeatures, oriented_gradients
from imagewright.errors import DataError, RunError, UserError


class RowStream:
    """Rows (N, D) as a stream."""

    labels = None

    def __init__(self, rows: torch.Tensor) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self, batch_size: int):
        yield from self.rows.split(batch_size)


def disc(generator: np.random.Generator, radius: float) -> np.ndarray:
    """A light disc near the middle of 20x20 pixels, uint8 (1, 20, 20)."""
    y, x = np.mgrid[:20, :20]
    middle = 9.5 + generator.normal(0, 0.7, 2)
    inside = np.hypot(y - middle[0], x - middle[1]) < radius + generator.normal(0, 0.3)
    return (40 + 160 * inside + generator.normal(0, 4, (20, 20))).clip(0, 255).astype(np.uint8)[None]


@pytest.fixture(scope="module")
def discs() -> np.ndarray:
    """60 discs, of which 7, 23 and 41 are a cross, a stripe and a chequerboard; uint8 (60, 1, 20, 20)."""
    generator = np.random.default_rng(0)
    pictures = np.stack([disc(generator, 6) for _ in range(60)])
    pictures[7, 0] = 40
    pictures[7, 0, 8:12] = pictures[7, 0, :, 8:12] = 200
    pictures[23, 0] = 40
    pictures[23, 0, :, 3:6] = 200
    pictures[41, 0] = 200 * (np.add.outer(np.arange(20) // 4, np.arange(20) // 4) % 2)
    return pictures


PLANTED = {7, 23, 41}


# Detectors against scikit-learn


@pytest.fixture(scope="module")
def projected() -> tuple[PrincipalProjection, ProjectedPictures, ProjectedPictures]:
    generator = torch.Generator().manual_seed(0)
    scales = torch.tensor([3.0, 2.0, 1.0, 0.5, 0.3])
    mixing = torch.linalg.qr(torch.randn(5, 5, generator=generator))[0]
    learned = torch.randn(300, 5, generator=generator) * scales @ mixing + 1
    scored = torch.randn(50, 5, generator=generator) * scales @ mixing + 1.5
    projection = PrincipalProjection(RowStream(learned), 0)
    return projection, projection(learned), projection(scored)


def fitted(name: str, projected: tuple[PrincipalProjection, ProjectedPictures, ProjectedPictures]) -> torch.Tensor:
    projection, reference, pictures = projected
    detector = build_detector(name, 0)
    detector.fit(projection, reference)
    return detector.score(pictures)


def test_the_residual_is_scikit_learns_reconstruction_error(projected) -> None:
    from sklearn.decomposition import PCA

    projection, reference, pictures = projected
    leading = projection.leading_count()
    assert 1 <= leading < 5
    reference_model = PCA(leading, svd_solver="full").fit(reference.coordinates.numpy())
    rows = pictures.coordinates.numpy()
    expected = ((rows - reference_model.inverse_transform(reference_model.transform(rows))) ** 2).sum(
        1
    ) + pictures.rest.numpy()
    assert np.allclose(fitted("pca", projected).numpy(), expected, rtol=1e-3, atol=1e-4)


def test_neighbours_are_scikit_learns(projected) -> None:
    from sklearn.neighbors import NearestNeighbors

    _, reference, pictures = projected

    # The remainders of the two sides are one more axis each, orthogonal to each other.
    def rows_of(of: ProjectedPictures, side: int) -> np.ndarray:
        outside = torch.zeros(len(of), 2)
        outside[:, side] = of.rest.sqrt()
        return torch.cat([of.coordinates, outside], 1).numpy()

    distances = NearestNeighbors(n_neighbors=3).fit(rows_of(reference, 0)).kneighbors(rows_of(pictures, 1))[0]
    assert np.allclose(fitted("neighbours", projected).numpy(), distances.mean(1), rtol=1e-3)


def test_the_kernel_density_is_scikit_learns(projected) -> None:
    from sklearn.neighbors import KernelDensity

    projection, reference, pictures = projected
    detector = build_detector("kde", 0)
    detector.fit(projection, reference)
    inside = ProjectedPictures(pictures.coordinates, torch.zeros(len(pictures)))
    reference.rest.zero_()
    reference_model = KernelDensity(bandwidth=detector.variance**0.5).fit(reference.coordinates.double().numpy())
    expected = -reference_model.score_samples(inside.coordinates.double().numpy())
    assert np.allclose(detector.score(inside).numpy(), expected, rtol=1e-3, atol=1e-2)


def test_every_detector_ranks_far_above_near(projected) -> None:
    projection, reference, _ = projected
    for name in DETECTORS:
        detector = build_detector(name, 0)
        detector.fit(projection, reference)
        near = ProjectedPictures(torch.zeros(1, reference.coordinates.shape[1]), torch.zeros(1))
        far = ProjectedPictures(torch.full((1, reference.coordinates.shape[1]), 20.0), torch.full((1,), 5.0))
        assert detector.score(far) > detector.score(near), name


# Spaces


def test_lighting_and_a_shift_change_edges_less_than_another_shape_does(discs) -> None:
    picture = torch.from_numpy(discs[:1])
    brighter = (picture.float() * 0.8 + 30).byte()
    shifted = picture.roll(1, 3)
    cross = torch.from_numpy(discs[7:8])
    rows = EdgeFeatures().features(torch.cat([picture, brighter, shifted, cross]))
    distances = (rows[1:] - rows[0]).norm(dim=1)
    assert distances[0] < 0.3 * distances[2]
    assert distances[1] < 0.5 * distances[2]


def test_a_ramp_has_one_orientation() -> None:
    ramp = torch.arange(12.0).expand(1, 1, 12, 12) / 12
    strengths = oriented_gradients(ramp)[0, :, 2:-2, 2:-2]
    assert torch.allclose(strengths[0], torch.full((8, 8), 2 / 12), atol=1e-5)
    assert float(strengths[1:].abs().max()) < 1e-5


def test_constant_pictures_have_finite_features() -> None:
    flat = torch.full((2, 3, 16, 16), 255, dtype=torch.uint8)
    for space in (PixelFeatures(), EdgeFeatures()):
        assert torch.isfinite(space.features(flat)).all()


# The whole search


def test_planted_outliers_are_found_without_clean_pictures(discs) -> None:
    found = iw.outliers(discs)
    assert set(found.order[:3].tolist()) == PLANTED
    computed = {each.name for each in select_methods(ENSEMBLE, None)}
    assert {ENSEMBLE} | computed <= set(found.scores) <= {ENSEMBLE, "patches"} | computed
    assert all(np.isfinite(scores).all() for scores in found.scores.values())
    again = iw.outliers(discs)
    assert all((again.scores[name] == scores).all() for name, scores in found.scores.items())
    json.dumps(found.to_dict())


def test_only_clean_pictures_are_learned_from_if_they_are_given(discs) -> None:
    generator = np.random.default_rng(1)
    clean = np.stack([disc(generator, 6) for _ in range(40)])
    found = iw.outliers(discs, train_on=clean)
    assert set(found.order[:3].tolist()) == PLANTED
    # Scores do not depend on the other scored pictures, from which nothing is learned.
    alone = iw.outliers(discs[7:8], train_on=clean, method="edges-plane")
    assert np.allclose(alone.score[0], found.scores["edges-plane"][7], rtol=1e-4)


def test_a_picture_is_not_its_own_neighbour() -> None:
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 256, (12, 1, 16, 16), np.uint8)
    assert (iw.outliers(pictures, method="neighbours").score > 0.1).all()


def test_metrics_by_the_classes_of_a_folder(tmp_path, discs) -> None:
    for index, picture in enumerate(discs):
        kind = "test_odd" if index in PLANTED else "test_good" if index % 2 else "train_good"
        (tmp_path / "set" / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture[0]).save(tmp_path / "set" / kind / f"{index:02}.png")
    found = iw.outliers(tmp_path / "set", train_on="train_good", normal=["test_good"])
    assert len(found.images) == 30  # all but those learned from
    metrics = found.metrics[ENSEMBLE]
    assert (metrics.auroc, metrics.average_precision, metrics.strange) == (1.0, 1.0, 3)
    paths = found.write(tmp_path / "out", count=5)
    rows = list(csv.DictReader(paths[0].read_text().splitlines()))
    assert [int(row["rank"]) for row in rows] == list(range(1, 31))
    assert {row["label"] for row in rows[:3]} == {"test_odd"}
    assert [row["strange"] for row in rows[:4]] == ["1", "1", "1", "0"]
    assert all(path.is_file() for path in paths)
    with pytest.raises(RunError, match="exists already"):
        found.write(tmp_path / "out")
    strange = iw.outliers(tmp_path / "set", method="pca", strange=["test_odd"])
    assert strange.metrics["pca"].ordinary == 57


@pytest.mark.learning
def test_a_run_is_used_at_its_own_size(tmp_path, discs) -> None:
    generator = np.random.default_rng(1)
    clean = iw.open_images(np.stack([disc(generator, 6) for _ in range(40)]), size=16)
    run = iw.train("pca", clean, out=tmp_path / "run", components=5)
    found = iw.outliers(discs, run=run, method=EVERY)
    assert {"run-score", "run-error", "latents-plane"} <= set(found.scores)
    assert set(found.order[:3].tolist()) == PLANTED
    assert any("resized to 16x16" in note for note in found.notes)
    assert set(iw.outliers(discs, run=run, method="run-error").order[:3].tolist()) == PLANTED
    assert len(found.write(tmp_path / "out")) == 4 + (found.patches is not None)


# Bad input


def test_what_cannot_be_scored_is_refused(discs) -> None:
    with pytest.raises(DataError, match="must be three"):
        iw.outliers(discs[:1])
    with pytest.raises(DataError, match="two or more"):
        iw.outliers(discs, train_on=discs[:1])
    with pytest.raises(DataError, match="has no labels"):
        iw.outliers(discs, normal=["good"])
    with pytest.raises(UserError, match="Did you mean 'neighbours'"):
        iw.outliers(discs, method="neighbors")
    with pytest.raises(UserError, match="--space RUN"):
        iw.outliers(discs, method="run-score")
    with pytest.raises(DataError, match="nothing at 'no-such-place'"):
        iw.outliers(discs, train_on="no-such-place")


@pytest.mark.filterwarnings("error")
def test_pictures_of_one_colour_each_are_scored_by_their_pixels() -> None:
    pictures = np.full((10, 1, 16, 16), 100, np.uint8) + np.arange(10, dtype=np.uint8)[:, None, None, None]
    pictures[4] = 250
    found = iw.outliers(pictures)
    assert int(found.order[0]) == 4
    assert any("In edges" in note for note in found.notes)
    assert all(np.isfinite(scores).all() for scores in found.scores.values())


# Moving


def folder_of(tmp_path: Path, discs: np.ndarray) -> Path:
    root = tmp_path / "photos"
    for index, picture in enumerate(discs[:30]):
        (root / str(index % 2)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture[0]).save(root / str(index % 2) / f"{index:02}.png")
    return root


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.png")}


def test_the_strangest_are_moved_and_moved_back(tmp_path, discs) -> None:
    root = folder_of(tmp_path, discs)
    before = tree(root)
    found = iw.outliers(root, method="edges-plane")
    listed = found.move(tmp_path / "odd", count=2)
    assert set(tree(tmp_path / "odd")) == {"1/07.png", "1/23.png"}
    assert tree(root) | tree(tmp_path / "odd") == before
    assert len(tree(root)) == 28
    with pytest.raises(UserError, match="outside"):
        put_back(listed, within=tmp_path / "odd")
    assert put_back(listed, within=tmp_path) == 2
    assert tree(root) == before
    assert put_back(listed) == 0


def test_a_move_needs_a_number_of_pictures_and_a_folder(tmp_path, discs) -> None:
    with pytest.raises(UserError, match="Give count or fraction"):
        iw.outliers(folder_of(tmp_path, discs), method="pca").move(tmp_path / "odd")
    with pytest.raises(UserError, match="not files in a folder"):
        iw.outliers(discs, method="pca").move(tmp_path / "odd", fraction=0.1)
    assert not (tmp_path / "odd").exists()


def test_copies_leave_the_source_alone(tmp_path, discs) -> None:
    root = folder_of(tmp_path, discs)
    before = tree(root)
    listed = move_files(root, ["1/07.png"], tmp_path / "odd", copy=True)
    assert tree(root) == before
    copied = tmp_path / "odd" / "1" / "07.png"
    assert copied.read_bytes() == before["1/07.png"]
    assert copied.stat().st_ino != (root / "1" / "07.png").stat().st_ino
    assert put_back(listed) == 0


def test_nothing_is_overwritten(tmp_path, discs) -> None:
    root = folder_of(tmp_path, discs)
    (tmp_path / "odd" / "1").mkdir(parents=True)
    (tmp_path / "odd" / "1" / "07.png").write_text("mine")
    before = tree(root)
    with pytest.raises(RunError, match="nothing was moved"):
        move_files(root, ["0/00.png", "1/07.png"], tmp_path / "odd")
    assert tree(root) == before
    assert (tmp_path / "odd" / "1" / "07.png").read_text() == "mine"
    assert not (tmp_path / "odd" / "0").exists()


def test_places_that_are_refused(tmp_path, discs) -> None:
    root = folder_of(tmp_path, discs)
    out = tmp_path / "out"
    with pytest.raises(UserError, match="lies in the source"):
        check_outputs(root, out, move_to=root / "odd", count=2)
    with pytest.raises(UserError, match="lies in the source"):
        check_outputs(root, root / "report")
    with pytest.raises(UserError, match="not files in a folder"):
        check_outputs("digits", out, move_to=tmp_path / "odd", count=2)
    with pytest.raises(UserError, match="How many"):
        check_outputs(root, out, move_to=tmp_path / "odd")
    with pytest.raises(UserError, match="fraction=2"):
        check_outputs(root, out, copy_to=tmp_path / "odd", fraction=2)
    listed = tmp_path / "list.csv"
    listed.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="no list"):
        put_back(listed)
