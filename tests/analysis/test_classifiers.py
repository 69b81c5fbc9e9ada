"""Classifiers compared: honest splits, accuracies, figures for few classes and for many, runs that are judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagewright as iw
from imagewright.analysis.classifiers import figures as draw
from imagewright.analysis.classifiers.comparison import CONTENDERS, Comparison, compare
from imagewright.analysis.classifiers.confusion import Confusion, confusion_of
from imagewright.analysis.classifiers.splits import held_out_of, split_of
from imagewright.errors import ConfigError, DataError
from imagewright.images import Images
from imagewright.training.reporting import Silent


def bars(folder: Path, count: int = 120, classes: int = 3, seed: int = 0) -> Images:
    """Pictures of 12x12: a bar at a height that is the class's, with noise; an .npz with labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    pictures = generator.integers(0, 90, (count, 12, 12)).astype(np.uint8)
    pictures[np.arange(count), labels % 12] += 130
    pictures[np.arange(count), :, labels // 12] += 30
    path = folder / f"bars-{count}-{classes}-{seed}.npz"
    np.savez(path, images=pictures, labels=labels)
    return iw.open_images(path)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    return bars(tmp_path_factory.mktemp("bars"))


@pytest.fixture(scope="module")
def compared(images: Images) -> Comparison:
    return compare(images, counts=(90, 6, 30), repeats=2, components=6)


def test_every_contender_learns_an_easy_set(compared: Comparison) -> None:
    assert compared.counts == [6, 30, 90]
    for name, shares in compared.accuracies.items():
        assert shares.shape == (3, 2)
        assert shares[-1].min() > 0.9, name
        assert shares[-1].mean() >= shares[0].mean(), name
    assert compared.held_out == "30 pictures held out, 25% of each class, drawn anew each time"
    header, rows = compared.table()
    assert header == ["classifier", "pictures", "accuracy", "deviation", "split 0", "split 1"]
    assert len(rows) == 5 * 3


def test_equal_seeds_give_equal_accuracies_and_progress_counts_to_its_end(images: Images) -> None:
    told: list[tuple[int, int]] = []
    options = {"models": ("linear_gda", "naive_bayes"), "counts": (12, 60), "repeats": 2, "components": 4}
    one = compare(images, **options, progress=lambda done, total: told.append((done, total)))  # type: ignore[arg-type]
    other = compare(images, **options)  # type: ignore[arg-type]
    assert all(np.array_equal(one.accuracies[name], other.accuracies[name]) for name in one.accuracies)
    assert told == [(done, 8) for done in range(1, 9)]
    assert list(one.contenders) == ["linear_gda", "naive_bayes"]


def test_a_split_holds_out_a_share_of_each_class_and_any_beginning_has_all_classes(images: Images) -> None:
    split = split_of(images, None, None, None, 4, 0.25, seed=1)
    assert np.bincount(split.held_out.labels).tolist() == [10, 10, 10]
    assert np.bincount(split.training.labels).tolist() == [30, 30, 30]
    for count in (6, 15, 45):
        assert np.ptp(np.bincount(split.training.labels[:count])) <= 2
    both = {tuple(row) for part in (split.training, split.held_out) for row in part.points.tolist()}
    assert len(both) == 120  # no picture is in both parts


def test_a_class_keeps_a_picture_to_train_on() -> None:
    held = held_out_of(np.array([0, 0, 1, 2, 2, 2, 2]), 0.9, seed=0)
    assert not held[2]
    assert held[:2].sum() == 1
    assert held[3:].sum() == 3


def test_other_pictures_can_be_what_is_judged_by(images: Images, tmp_path: Path) -> None:
    test = bars(tmp_path, 60, seed=1)
    result = compare(images, test=test, models=("linear_svm",), counts=(120,), repeats=1, components=6)
    assert result.accuracies["linear_svm"].item() > 0.9
    assert result.held_out.startswith("60 pictures held out: ")
    with pytest.raises(DataError, match="has the class '3', which the training pictures have not"):
        compare(images, test=bars(tmp_path, 40, classes=4), repeats=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"models": ("lienar_gda",)}, "There is no classifier 'lienar_gda'. Did you mean 'linear_gda'"),
        ({"counts": (5,)}, "counts=5, but it must be from 6 .two pictures for each of 3 classes. to 90"),
        ({"counts": (91,)}, "counts=91"),
        ({"repeats": 0}, "repeats=0"),
        ({"test_share": 1.0}, "test_share=1, but it must be a share between 0 and 1"),
    ],
)
def test_what_cannot_be_compared_is_refused(images: Images, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compare(images, **options)  # type: ignore[arg-type]


def test_labels_of_two_classes_with_pictures_enough_are_needed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="have no labels: put them in a sub-folder a class"):
        compare(iw.open_images(np.zeros((9, 1, 8, 8), np.uint8)))
    with pytest.raises(DataError, match="are of one class: two or more are needed"):
        compare(bars(tmp_path, 9, classes=1))
    with pytest.raises(DataError, match="Each class has one picture"):
        compare(bars(tmp_path, 3, classes=3))
    with pytest.raises(DataError, match="3 pictures to train on, and 3 classes need 6"):
        compare(bars(tmp_path, 6, classes=3))


def test_the_figures_are_written_for_few_classes_and_for_many(
    images: Images, compared: Comparison, tmp_path: Path
) -> None:
    many = bars(tmp_path, 160, classes=40)
    options = {"models": ("quadratic_gda", "logistic_regression"), "counts": (80,), "repeats": 1, "components": 5}
    for name, shown, result in (("few", images, compared), ("many", many, compare(many, **options))):  # type: ignore[arg-type]
        folder = tmp_path / name
        draw.write_curves(result, folder / "curves.png")
        accuracies = draw.write_regions(result, folder / "regions.png")
        assert all(0 <= share <= 1 for share in accuracies.values())
        assert draw.write_samples(result, shown, folder / "samples.png", 0)
        for file in ("curves.png", "regions.png", "samples.png"):
            with Image.open(folder / file) as picture:
                assert 300 < picture.width < 2600
    assert len(draw.commonest(result.first_split.training.labels)) == draw.MOST_CLASSES


def test_without_a_generative_contender_there_is_nothing_to_sample(images: Images, tmp_path: Path) -> None:
    result = compare(images, models=("linear_svm",), counts=(60,), repeats=1, components=4)
    assert not draw.write_samples(result, images, tmp_path / "samples.png", 0)
    assert not (tmp_path / "samples.png").exists()


# A run, judged


def test_a_run_is_judged_by_the_names_of_classes(images: Images, tmp_path: Path) -> None:
    run = iw.train("gda", images, tmp_path / "run", reporter=Silent(), components=6)
    found = confusion_of(run, images)
    assert found.accuracy == found.mean_class_accuracy == 1
    assert np.array_equal(found.matrix(), np.eye(3, dtype=int) * 40)
    assert len(found.mistakes()) == 0
    assert draw.mistakes_sheet(found, images, 5) is None
    more = confusion_of(run, bars(tmp_path, 40, classes=4))
    assert more.unknown == ("3",)
    assert len(more.judged) == 30
    unlabelled = confusion_of(run, np.zeros((2, 1, 12, 12), np.uint8))  # type: ignore[arg-type]
    assert unlabelled.accuracy is None


def test_the_confusion_counts_true_classes_by_rows_and_the_surest_mistake_comes_first(tmp_path: Path) -> None:
    said = np.array([0, 1, 1, 2, 0])
    probabilities = np.full((5, 3), 0.1, np.float32)
    probabilities[np.arange(5), said] = [0.8, 0.5, 0.6, 0.8, 0.7]
    found = Confusion(("a", "b", "c"), probabilities, said, np.array([0, 0, 1, 1, -1]))
    assert found.matrix().tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 0]]
    assert found.accuracy == 0.5
    assert found.mistakes().tolist() == [3, 1]
    for classes in (3, 120):
        names = tuple(f"a long name of class {number}" for number in range(classes))
        wide = Confusion(names, np.eye(classes, dtype=np.float32), np.arange(classes), np.arange(classes))
        draw.write_confusion(wide, tmp_path / f"{classes}.png", "title")
        with Image.open(tmp_path / f"{classes}.png") as picture:
            assert picture.width < 2600


def test_all_contenders_say_what_they_are() -> None:
    assert [each.generative for each in CONTENDERS.values()] == [True, True, True, False, False]
