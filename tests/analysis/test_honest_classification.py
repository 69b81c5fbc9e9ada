"""Classification, honestly: classes found without labels are matched, and pictures that were trained on are counted."""

from __future__ import annotations

import re
import shutil
from itertools import permutations
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from tiny import tiny_model
from torch.nn.functional import one_hot

import imagewright as iw
from imagewright.analysis.classifiers.confusion import measure_confusion
from imagewright.analysis.classifiers.matching import match_codes
from imagewright.capabilities import LatentPart
from imagewright.images import Images
from imagewright.model import Model


def patches(count: int, classes: int, seed: int = 0, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Blurred noise, of which each class has a brightness of its own: uint8 (count, 1, size, size), and labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    smooth = gaussian_filter(generator.standard_normal((count, 1, size, size)), (0, 0, 2, 2))
    pictures = 60 + 120 * labels[:, None, None, None] / max(classes - 1, 1) + 25 * smooth / smooth.std()
    return pictures.clip(0, 255).astype(np.uint8), labels


def labelled_patches(count: int, classes: int = 3, seed: int = 0, repeats: int = 0) -> Images:
    """The same, opened; the first `repeats` come again at the end, the odd ones a little brighter."""
    pictures, labels = patches(count, classes, seed)
    again = pictures[:repeats].astype(int) + 6 * (np.arange(repeats) % 2)[:, None, None, None]
    pictures = np.concatenate([pictures, again.clip(0, 255).astype(np.uint8)])
    labels = np.concatenate([labels, labels[:repeats]])
    return iw.open_images(pictures).with_labels(labels, ["anna", "ben", "cleo", "dora"][:classes])


class BrightnessCodes(Model):
    """A model that finds classes by itself: its codes are brightnesses in an order of their own."""

    order = (2, 0, 3, 1)
    class_names = ("0", "1", "2", "3")
    latent_shape = (4,)
    latent_parts = (LatentPart("c1", "category", 0, 4, code=True),)

    def classify(self, images: torch.Tensor) -> torch.Tensor:
        bright = ((images.mean((1, 2, 3)) + 1) * 127.5 - 60).div(60).round().clamp(0, 2).long()
        return one_hot(torch.tensor(self.order)[bright], 4).double().mul(6).log_softmax(1)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return latents.new_zeros(len(latents), *self.config.image_shape)


def test_classes_found_without_labels_are_matched_first(tmp_path: Path) -> None:
    model = BrightnessCodes(tiny_model("infogan", (32, 32), 1).config)
    images = labelled_patches(60)
    found = measure_confusion(model, images)
    assert found.accuracy is not None
    assert found.accuracy > 0.95
    assert found.class_names == ("anna", "ben", "cleo", "code 1")
    assert found.to_dict()["matching"] == {2: "anna", 0: "ben", 3: "cleo"}
    lines = found.lines()
    assert "without labels, so their numbers mean nothing" in lines[0]
    assert "(2 is anna, 0 is ben, 3 is cleo; without a label: 1)" in lines[0]
    assert lines[1].startswith(f"{found.accuracy:.2%} of 60 pictures right after matching")
    np.testing.assert_allclose(found.probabilities.sum(1), 1, atol=1e-6)
    paths = found.write(tmp_path / "found.csv")
    assert paths[1].name == "found-confusion.png"
    header, first = (tmp_path / "found.csv").read_text().splitlines()[:2]
    assert header.startswith("name,label,probability,truth,probability of anna")
    assert first.split(",")[1] == "anna"
    bare = measure_confusion(model, patches(4, 2)[0])
    assert bare.matching is None
    assert bare.accuracy is None


def test_matching_is_the_best_assignment() -> None:
    generator = np.random.default_rng(0)
    codes, labels = generator.integers(0, 5, 200), generator.integers(0, 4, 200)
    found = match_codes(codes, labels, 5, ("a", "b", "c", "d"))
    right = (found.place[codes] == labels).sum()
    counts = np.stack([np.bincount(codes[labels == label], minlength=5) for label in range(4)])
    best = max(counts[np.arange(4), each].sum() for each in permutations(range(5), 4))
    assert right == best
    fewer = match_codes(codes % 3, labels, 3, ("a", "b", "c", "d"))
    assert len(set(fewer.place)) == 3
    assert fewer.class_names == ("a", "b", "c", "d")


def test_accuracy_on_training_pictures_is_called_that(tmp_path: Path) -> None:
    images = labelled_patches(60)
    run = iw.train("gda", images, out=tmp_path / "run", components=5)
    own = measure_confusion(run, images)
    assert own.trained_on is not None
    assert own.trained_on.whole
    assert own.accuracy_on_new is None
    text = "\n".join(own.lines())
    assert "pictures right (training pictures)" in text
    assert "The run was trained on these pictures" in text
    # Other pictures, among them ten of the training pictures, every other one brighter.
    pictures, labels = patches(30, 3, seed=9)
    seen = images.batch(np.arange(10)).images.numpy().astype(int) + 6 * (np.arange(10) % 2)[:, None, None, None]
    mixed = iw.open_images(np.concatenate([pictures, seen.clip(0, 255).astype(np.uint8)]))
    mixed = mixed.with_labels(np.concatenate([labels, np.arange(10) % 3]), images.class_names or ())
    folder = tmp_path / "folder"
    write_folder(images, folder)
    run = iw.train("gda", folder, out=tmp_path / "of-folder", components=5)
    found = measure_confusion(run, mixed)
    assert found.trained_on is not None
    assert found.trained_on.seen.tolist() == [False] * 30 + [True] * 10
    assert found.to_dict()["trained_on"] == 10
    assert "trained on 10 of these 40 pictures (they are 5 exact and 5 near duplicates of training" in found.lines()[1]
    new = measure_confusion(run, labelled_patches(30, seed=9))
    assert found.accuracy_on_new == new.accuracy
    assert new.trained_on is not None
    assert len(new.lines()) == 1
    shutil.rmtree(folder)
    assert "cannot be told" in measure_confusion(run, mixed).notes[0]


def test_held_out_pictures_are_not_called_trained_on(tmp_path: Path) -> None:
    images = iw.open_images("digits")[:200]
    run = iw.train("infogan", images, out=tmp_path / "run", images_seen=64, batch_size=32, width=4, held_out=35)
    found = measure_confusion(run, images)
    assert found.trained_on is not None
    assert found.trained_on.count == 165
    assert found.accuracy_on_new is not None


def write_folder(images: Images, folder: Path) -> None:
    """A folder a class."""
    assert images.labels is not None
    assert images.class_names is not None
    for number, label in enumerate(images.labels):
        (folder / images.class_names[label]).mkdir(parents=True, exist_ok=True)
        picture = images.batch(np.array([number])).images[0, 0].numpy()
        Image.fromarray(picture).save(folder / images.class_names[label] / f"{number:03d}.png")


def test_duplicates_on_both_sides_of_a_split_are_counted() -> None:
    options = {"models": ["linear_gda"], "repeats": 1, "components": 4, "counts": (20,)}
    plain = iw.compare_classifiers(labelled_patches(80), **options)  # type: ignore[arg-type]
    assert plain.notes == ()
    twice = iw.compare_classifiers(labelled_patches(80, repeats=80), **options)  # type: ignore[arg-type]
    assert re.search(r"\d+ of 41 test pictures of the first split have a duplicate among the training", twice.notes[0])
    assert twice.to_dict()["notes"] == list(twice.notes)
    test = labelled_patches(80).subset(np.arange(7))
    other = iw.compare_classifiers(labelled_patches(80), test=test, **options)  # type: ignore[arg-type]
    assert other.notes[0].startswith("7 of 7 test pictures have a duplicate among the training pictures (7 exact")
