"""What each model is trained on for its page's picture, how long, and what the picture shows (`model_pictures.py`).

Small sets that every machine has: scikit-learn's digits, the package's own shapes and drawn people. Sizes, widths and
lengths are such that a training takes one to six minutes of one core.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import imagewright as iw
from imagewright.catalogue import entry_of, model_class
from imagewright.images.shapes.drawing import draw_sprites
from imagewright.images.shapes.factors import SHAPES, sample_sprites
from imagewright.images.shapes.source import draw_label_pairs
from imagewright.verbs.apply import decode, sample_latents

DIGIT, SHAPE, FACE = 16, 32, 64  # pixels of a side
COUNT, FACES = 1_000, 400  # shapes of a set; faces of a person
COLUMNS = 8

Shown = tuple[torch.Tensor, str]
"""Pictures of rows of `COLUMNS`, uint8 (N, C, H, W), and what they show."""


@dataclass(frozen=True)
class Data:
    """What is trained on.

    words: that in words.
    open: called with an empty folder, for sets that are files; returns what `iw.train` takes.
    inputs: for models that translate: pictures that the training does not see, uint8 (N, C, H, W).
    """

    words: str
    open: Callable[[Path], Any]
    inputs: Callable[[], np.ndarray] | None = None


Show = Callable[[iw.Run, Data, Any], Shown]


@dataclass(frozen=True)
class Case:
    """A training and its picture.

    show: called with the run and the opened data.
    images_seen: None for a model fitted in closed form.
    options: of the training and the model, where they are not the suggested ones.
    """

    data: Data
    show: Show
    images_seen: int | None = None
    options: dict[str, Any] = field(default_factory=dict)


# Sets


def pixels(source: Any) -> np.ndarray:
    """All pictures of a source, uint8 (N, C, H, W)."""
    images = iw.open_images(source)
    return images.batch(np.arange(len(images))).images.numpy()


def shapes(view: str, seed: int = 1, count: int = COUNT) -> str:
    """The built-in set: a view of `count` sprites."""
    return f"shapes:{view},count={count},size={SHAPE},seed={seed}"


def new(view: str) -> Callable[[], np.ndarray]:
    """Sprites that are in no training."""
    return lambda: pixels(shapes(view, seed=7, count=COLUMNS))


def drawn(hues: np.ndarray, texture: str, seed: int) -> np.ndarray:
    """Sprites of these hues in degrees, uint8 (N, 3, H, W)."""
    sprites = replace(sample_sprites(len(hues), seed).with_texture(texture), hue=hues)
    return draw_sprites(sprites, SHAPE).transpose(0, 3, 1, 2).copy()


def between(low: float, high: float, seed: int, count: int = COUNT) -> np.ndarray:
    """Plain sprites whose hue is between two, in degrees."""
    return drawn(np.random.default_rng(seed).uniform(low, high, count), "plain", seed)


WARM, COLD = (10.0, 100.0), (180.0, 280.0)
COLOURS = {"red": 25.0, "yellow": 100.0, "green": 145.0, "blue": 260.0}
HUES, UNSEEN = 8, 3.5  # classes that differ in hue alone; a colour that none of them has


def by_colour(hues: Sequence[float], names: Sequence[str], _: Path) -> iw.Images:
    """Plain sprites whose classes are their colours."""
    labels = np.arange(2 * COUNT) % len(hues)
    return iw.open_images(drawn(np.array(hues)[labels], "plain", seed=1)).with_labels(labels, tuple(names))


def filled(seed: int, count: int, texture: str) -> np.ndarray:
    """Sprites whose hue follows from their shape, and which an outline tells therefore."""
    sprites = sample_sprites(count, seed)
    hues = sprites.shape * 360 / len(SHAPES)
    sprites = replace(sprites.with_texture(texture), hue=hues, background=np.zeros(count))
    return draw_sprites(sprites, SHAPE).transpose(0, 3, 1, 2).copy()


def maps(seed: int, count: int) -> np.ndarray:
    """Label maps in colours of the same sprites."""
    pairs = draw_label_pairs(sample_sprites(count, seed), SHAPE)
    return pairs[:, :, :SHAPE].transpose(0, 3, 1, 2).copy()


def people(folder: Path) -> dict[str, Path]:
    """The faces of two drawn people, as files with records."""
    iw.make_shapes(folder / "people", "people", count=FACES, size=FACE, seed=1)
    return {"a": folder / "people" / "anna", "b": folder / "people" / "bert"}


def new_faces() -> np.ndarray:
    """Faces of the person replaced that are in no training."""
    from imagewright.shape_files.people import BERT, cut_face, draw_face

    faces = [cut_face(draw_face(BERT, number, FACE, seed=7), FACE) for number in range(COLUMNS)]
    return np.stack(faces).transpose(0, 3, 1, 2).copy()


DIGITS = Data(f"1,797 digits, {DIGIT} pixels", lambda _: iw.open_images("digits", size=DIGIT))
SPRITES = Data(f"2,000 plain shapes, {SHAPE} pixels", lambda _: iw.open_images(shapes("plain", count=2 * COUNT)))
PAIRS = Data(
    f"2,000 pairs of an outline and the shape, whose colour is that of its kind, {SHAPE} pixels",
    lambda _: iw.open_images({"input": shapes("outlines", 1, 2 * COUNT), "target": filled(1, 2 * COUNT, "plain")}),
    new("outlines"),
)
MAPS = Data(
    f"2,000 pairs of a label map in colours and a dotted shape, {SHAPE} pixels",
    lambda _: iw.open_images({"input": maps(1, 2 * COUNT), "target": filled(1, 2 * COUNT, "dotted")}),
    lambda: maps(7, COLUMNS),
)
TWO_COLOURS = Data(
    f"{COUNT:,} shapes from red to yellow and {COUNT:,} from green to blue without pairs, {SHAPE} pixels",
    lambda _: {"a": iw.open_images(between(*WARM, seed=1)), "b": iw.open_images(between(*COLD, seed=2))},
    lambda: between(*WARM, seed=7, count=COLUMNS),
)
FOUR_COLOURS = Data(
    f"{2 * COUNT:,} shapes in {len(COLOURS)} colours, {SHAPE} pixels",
    partial(by_colour, tuple(COLOURS.values()), tuple(COLOURS)),
    lambda: drawn(np.resize([25.0, 100.0, 145.0], COLUMNS), "plain", seed=7),
)
MANY_COLOURS = Data(
    f"{2 * COUNT:,} shapes of {HUES} hues, {SHAPE} pixels",
    partial(by_colour, [360 / HUES * each for each in range(HUES)], [f"hue {each}" for each in range(HUES)]),
    new("plain"),
)
PEOPLE = Data(f"{FACES} faces each of two drawn people, {FACE} pixels", people, new_faces)


# Pictures


def samples(run: iw.Run, *_: Any) -> Shown:
    return iw.sample(run, 2 * COLUMNS), "samples"


def samples_by_class(run: iw.Run, *_: Any) -> Shown:
    """A column a class: the first classes, each of the same two noises."""
    model = iw.load(run)
    made = [decode(model, sample_latents(model, 2, label=label)) for label in range(COLUMNS)]
    return torch.stack(made, 1).flatten(0, 1), f"samples of the classes 0 to {COLUMNS - 1}, a column each"


def reconstructions(run: iw.Run, _: Data, source: Any) -> Shown:
    chosen = source[: 40 * COLUMNS : 40]
    pictures = torch.from_numpy(np.asarray(chosen))
    return torch.cat([pictures, iw.reconstruct(run, chosen)]), "pictures, and below them their reconstructions"


def translations(words: str, styles: int = 1, **to: Any) -> Show:
    """New inputs, and below them what is made of them: a row a style."""

    def show(run: iw.Run, data: Data, _: Any) -> Shown:
        inputs = new_of(data)
        made = iw.translate(run, inputs.numpy(), **to, **({"styles": styles} if styles > 1 else {}))
        rows = made if styles == 1 else made.transpose(0, 1).flatten(0, 1)
        return torch.cat([inputs.expand(-1, rows.shape[1], -1, -1), rows]), words

    return show


def new_of(data: Data) -> torch.Tensor:
    assert data.inputs is not None
    return torch.from_numpy(data.inputs())


def translations_by_examples(run: iw.Run, data: Data, _: Any) -> Shown:
    """Examples of a class that the training did not see, new inputs, and these as that class."""
    examples, inputs = drawn(np.full(COLUMNS, 360 / HUES * UNSEEN), "plain", seed=8), new_of(data)
    made = iw.translate(run, inputs.numpy(), like=examples)
    words = "shapes of a hue that was in no class, new shapes, and these after the model of the first"
    return torch.cat([torch.from_numpy(examples), inputs, made]), words


FILLED = translations("new outlines, and below them what is made of them")
MAPPED = translations("new label maps, and below them what is made of them")
SECOND = 1  # the number of a domain, whose name is that of its source
COLD_WORDS = "new shapes, and below them their translations from green to blue"
COLD_ONES = translations(COLD_WORDS, to=SECOND)
COLOURED = translations("new shapes, and below them their translations from green to blue in two styles", 2, to=SECOND)
BLUE = translations("new shapes, and below them their translations to blue", to="blue")
SWAPPED = translations("new faces of one, and below them the same as the other", to=0)
# At the published batch of one, a training takes several times as long at this size.
NARROW: dict[str, Any] = {"width": 16, "discriminator_width": 16, "batch_size": 8, "learning_rate": 5e-4}
SMALL_SWAP: dict[str, Any] = {"encoder_width": 12, "code": 64, "inner_width": 32, "decoder_width": 4, "mask_width": 1}
CONSENT = "Anna and Bert, who are drawn; the package; 2026-11-29"

TRAINED = {
    "autoencoder": Case(DIGITS, reconstructions, 100_000),
    "vae": Case(DIGITS, samples, 40_000),
    "vae_gan": Case(DIGITS, samples, 29_000),
    "dcgan": Case(DIGITS, samples, 40_000),
    "infogan": Case(DIGITS, samples, 100_000),
    "cgan": Case(DIGITS, samples_by_class, 40_000),
    "biggan": Case(DIGITS, samples_by_class, 15_000),
    "biggan_deep": Case(DIGITS, samples_by_class, 160_000),
    "progan": Case(DIGITS, samples, 110_000),
    "stylegan": Case(DIGITS, samples, 100_000),
    "stylegan2": Case(DIGITS, samples, 120_000),
    "stylegan3": Case(DIGITS, samples, 18_000),
    "r3gan": Case(DIGITS, samples, 40_000),
    "projected_gan": Case(SPRITES, samples, 10_000),
    "pix2pix": Case(PAIRS, FILLED, 12_000, NARROW),
    "pix2pixhd": Case(MAPS, MAPPED, 3_000),
    "cut": Case(TWO_COLOURS, translations(COLD_WORDS), 8_000, {"blocks": 2} | NARROW),
    "cyclegan": Case(TWO_COLOURS, COLD_ONES, 16_000, {"blocks": 2} | NARROW),
    "unit": Case(TWO_COLOURS, COLD_ONES, 10_000, {"blocks": 2} | NARROW),
    "munit": Case(TWO_COLOURS, COLOURED, 10_000, {"blocks": 2} | NARROW),
    "drit": Case(TWO_COLOURS, COLOURED, 10_000, {"width": 8, "attribute_width": 8, "discriminator_width": 8}),
    "stargan": Case(FOUR_COLOURS, BLUE, 40_000),
    "stargan_v2": Case(FOUR_COLOURS, BLUE, 10_000, {"width": 8, "widest": 32}),
    "funit": Case(MANY_COLOURS, translations_by_examples, 12_000),
    "swap": Case(PEOPLE, SWAPPED, 20_000, {"batch_size": 8, "learning_rate": 2e-3, "consent": CONSENT} | SMALL_SWAP),
}


def case_of(model: str) -> Case | None:
    """What is trained for a model; None for one that makes no pictures."""
    verbs = entry_of(model).verbs
    if model in TRAINED or not model_class(model).is_closed_form():
        return TRAINED[model]
    if "sample" in verbs:
        return Case(DIGITS, samples)
    return Case(DIGITS, reconstructions) if "reconstruct" in verbs else None
