"""Classifiers: disjoint splits, accuracies, figures for few and for many classes, confusion of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import imagewright as iw
from imagewright.analysis.classifiers import figures as draw
from imagewright.analysis.classifiers.comparison import CLASSIFIERS, ClassifierComparison
from imagewright.analysis.classifiers.confusion import Confusion, measure_confusion
from imagewright.analysis.classifiers.splits import choose_test_rows, make_split
from imagewright.errors import ConfigError, DataError
from imagewright.images import Images
from imagewright.training.reporting import Silent


def bars(folder: Path, count: int = 120, classes: int = 3, seed: int = 0) -> Images:
    """Pictures of 12x12: a bar at a height that depends on the class, with noise; an .npz with labels."""
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
def compared(images: Images) -> ClassifierComparison:
    return iw.compare_classifiers(images, counts=(90, 6, 30), repeats=2, components=6)


def test_every_classifier_learns_an_easy_set(compared: ClassifierComparison) -> None:
    assert compared.counts == [6, 30, 90]
    for name, shares in compared.accuracies.items():
        assert shares.shape == (3, 2)
        assert shares[-1].min() > 0.9, name
        assert shares[-1].mean() >= shares[0].mean(), name
    assert compared.held_out == "30 pictures held out, 25% of each class, sampled anew for each split"
    header, rows = compared._table()
    assert header == ["classifier", "pictures", "accuracy", "deviation", "split 0", "split 1"]
    assert len(rows) == 5 * 3


def test_a_table_of_labels_is_of_all_parts(tmp_path: Path) -> None:
    pictures = iw.open_images("digits").batch(np.arange(40)).images[:, 0].numpy()
    rows = ["image,label"]
    for number, picture in enumerate(pictures):
        name = f"{'train' if number < 30 else 'test'}/{number:02d}.png"
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "set" / name)
        rows.append(f"{name},{'even' if number % 2 == 0 else 'odd'}")
    (tmp_path / "all.csv").write_text("\n".join(rows) + "\n")
    found = iw.compare_classifiers(
        tmp_path / "set",
        models=("linear_gda",),
        split="train",
        test_split="test",
        labels=tmp_path / "all.csv",
        repeats=1,
        components=4,
    )
    assert "10" in found.held_out


def test_equal_seeds_give_equal_accuracies_and_progress_counts_to_its_end(images: Images) -> None:
    calls: list[tuple[str, int, int]] = []
    options = {"models": ("linear_gda", "naive_bayes"), "counts": (12, 60), "repeats": 2, "components": 4}
    one = iw.compare_classifiers(images, **options, progress=lambda *call: calls.append(call))  # type: ignore[arg-type]
    other = iw.compare_classifiers(images, **options)  # type: ignore[arg-type]
    assert all(np.array_equal(one.accuracies[name], other.accuracies[name]) for name in one.accuracies)
    assert [call for call in calls if call[0] == "comparing"] == [("comparing", done, 8) for done in range(1, 9)]
    assert list(one.classifiers) == ["linear_gda", "naive_bayes"]


def test_a_split_holds_out_a_share_of_each_class_and_its_training_order_is_stratified(images: Images) -> None:
    split = make_split(images, None, None, None, 4, 0.25, seed=1)
    assert np.bincount(split.test.labels).tolist() == [10, 10, 10]
    assert np.bincount(split.training.labels).tolist() == [30, 30, 30]
    for count in (6, 15, 45):
        assert np.ptp(np.bincount(split.training.labels[:count])) <= 2
    both = {tuple(row) for part in (split.training, split.test) for row in part.points.tolist()}
    assert len(both) == 120  # no picture is in both parts


def test_every_class_has_a_training_picture() -> None:
    held = choose_test_rows(np.array([0, 0, 1, 2, 2, 2, 2]), 0.9, seed=0)
    assert not held[2]
    assert held[:2].sum() == 1
    assert held[3:].sum() == 3


def test_other_pictures_can_be_the_test_part(images: Images, tmp_path: Path) -> None:
    test = bars(tmp_path, 60, seed=1)
    result = iw.compare_classifiers(images, test=test, models=("linear_svm",), counts=(120,), repeats=1, components=6)
    assert result.accuracies["linear_svm"].item() > 0.9
    assert result.held_out.startswith("60 pictures held out: ")
    with pytest.raises(DataError, match="has the class '3', which the training pictures have not"):
        iw.compare_classifiers(images, test=bars(tmp_path, 40, classes=4), repeats=1)


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
        iw.compare_classifiers(images, **options)  # type: ignore[arg-type]


def test_labels_of_two_classes_with_enough_pictures_are_needed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="have no labels: put them in a sub-folder a class"):
        iw.compare_classifiers(iw.open_images(np.zeros((9, 1, 8, 8), np.uint8)))
    with pytest.raises(DataError, match="are of one class: two or more are needed"):
        iw.compare_classifiers(bars(tmp_path, 9, classes=1))
    with pytest.raises(DataError, match="Each class has one picture"):
        iw.compare_classifiers(bars(tmp_path, 3, classes=3))
    with pytest.raises(DataError, match="3 pictures to train on, and 3 classes need 6"):
        iw.compare_classifiers(bars(tmp_path, 6, classes=3))


@pytest.mark.learning
def test_the_figures_are_written_for_few_classes_and_for_many(
    images: Images, compared: ClassifierComparison, tmp_path: Path
) -> None:
    many = bars(tmp_path, 160, classes=40)
    options = {"models": ("quadratic_gda", "logistic_regression"), "counts": (80,), "repeats": 1, "components": 5}
    for name, result in (("few", compared), ("many", iw.compare_classifiers(many, **options))):  # type: ignore[arg-type]
        folder = tmp_path / name
        assert len(result.write(folder)) == 5
        accuracies = json.loads((folder / "results.json").read_text())["accuracy_in_the_plane"]
        assert all(0 <= share <= 1 for share in accuracies.values())
        for file in ("curves.png", "regions.png", "samples.png"):
            with Image.open(folder / file) as picture:
                assert 300 < picture.width < 2600
    assert len(draw.most_common_classes(result.first_split.training.labels)) == draw.MOST_CLASSES


def test_without_a_generative_classifier_no_samples_are_written(images: Images, tmp_path: Path) -> None:
    result = iw.compare_classifiers(images, models=("linear_svm",), counts=(60,), repeats=1, components=4)
    assert "samples.png" not in {path.name for path in result.write(tmp_path / "out")}
    assert not (tmp_path / "out" / "samples.png").exists()


# The confusion of a run


def test_classes_of_a_run_are_matched_by_name(images: Images, tmp_path: Path) -> None:
    run = iw.train("gda", images, tmp_path / "run", reporter=Silent(), components=6)
    found = measure_confusion(run, images)
    assert found.accuracy == found.mean_class_accuracy == 1
    assert np.array_equal(found.matrix(), np.eye(3, dtype=int) * 40)
    assert len(found.mistakes()) == 0
    assert draw.mistakes_sheet(found, 5) is None
    more = measure_confusion(run, bars(tmp_path, 40, classes=4))
    assert more.unknown == ("3",)
    assert len(more.evaluated) == 30
    unlabelled = measure_confusion(run, np.zeros((2, 1, 12, 12), np.uint8))  # type: ignore[arg-type]
    assert unlabelled.accuracy is None


@pytest.mark.learning
def test_rows_of_the_matrix_are_true_classes_and_the_most_confident_mistake_is_first(tmp_path: Path) -> None:
    predicted = np.array([0, 1, 1, 2, 0])
    probabilities = np.full((5, 3), 0.1, np.float32)
    probabilities[np.arange(5), predicted] = [0.8, 0.5, 0.6, 0.8, 0.7]
    images = iw.open_images(np.zeros((5, 1, 8, 8), np.uint8))
    truth = np.array([0, 0, 1, 1, -1])
    found = Confusion(
        images=images, class_names=("a", "b", "c"), probabilities=probabilities, predicted=predicted, truth=truth
    )
    assert found.matrix().tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 0]]
    assert found.accuracy == 0.5
    assert found.mistakes().tolist() == [3, 1]
    for classes in (3, 120):
        names = tuple(f"a long name of class {number}" for number in range(classes))
        numbers, certain = np.arange(classes), np.eye(classes, dtype=np.float32)
        wide = Confusion(images=images, class_names=names, probabilities=certain, predicted=numbers, truth=numbers)
        draw.write_confusion(wide, tmp_path / f"{classes}.png", "title")
        with Image.open(tmp_path / f"{classes}.png") as picture:
            assert picture.width < 2600


def test_generative_classifiers_are_marked() -> None:
    assert [each.generative for each in CLASSIFIERS.values()] == [True, True, True, False, False]


def test_the_curves_show_chance_and_keep_error_bars_apart(
    compared: ClassifierComparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(draw, "save_figure", lambda figure, *_, **__: drawn.append(figure.axes[0]))
    draw.write_curves(compared, tmp_path / "curves.png")
    (axes,) = drawn
    labels = compared.first_split.test.labels
    share = float(labels.bincount().max()) / len(labels)
    assert compared.chance == share
    assert f"(chance {share:.1%})" in compared.lines()[0]
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert list(lines[draw.CHANCE].get_ydata()) == [100 * share] * 2
    firsts = [container.lines[0].get_xdata()[0] for container in axes.containers]
    assert len(set(np.round(firsts, 6))) == len(compared.classifiers)
    assert np.exp(np.log(firsts).mean()) == pytest.approx(compared.counts[0])


def test_captions_of_mistakes_cut_neither_a_name_nor_the_number() -> None:
    names = ("a class of a very long name indeed", "another class of a long name")
    images = iw.open_images(np.zeros((2, 1, 8, 8), np.uint8))
    wrong = np.array([[0.1, 0.9], [0.3, 0.7]], np.float32)
    found = Confusion(
        images=images, class_names=names, probabilities=wrong, predicted=np.ones(2, np.int64), truth=np.zeros(2, int)
    )
    sheet = draw.mistakes_sheet(found, 2)
    assert sheet is not None
    assert sheet.captions == [f"{names[0]}\nas {names[1]}\n{share}" for share in ("90%", "70%")]
