"""The models to begin with, for a set of pictures of some kind and size. No model is imported, no picture is read."""

from __future__ import annotations

from dataclasses import dataclass

from imagewright.catalogue_entries import Needs

VERY_FEW = 50  # pictures: fewer say too little for a network that samples
FEW = 2_000  # pictures, below which a discriminator comes to know them by heart without augmentation
MOST = 3  # recommendations


@dataclass(frozen=True)
class ModelChoice:
    """A model to begin with.

    model: its name in the catalogue.
    reason: one sentence for the user.
    """

    model: str
    reason: str


def recommend_models(needs: Needs, images: int, classes: int = 0) -> tuple[ModelChoice, ...]:
    """One to three models to begin with, the first of which is the one to take if only one is trained.

    needs: what the pictures are, in the words of `Entry.needs`: plain pictures, such with classes, pairs, two sets, or
        the faces of people.
    images: the number of pictures; of pairs and of two sets all together.
    classes: the number of classes; 0 without labels.

    Thresholds: docs/models.md, on few pictures.
    """
    found = {
        "people": _for_people,
        "pairs": _for_pairs,
        "two sets": _for_two_sets,
        "classes": _for_classes,
        "pictures": _for_pictures,
    }[needs](images, classes)
    return tuple(ModelChoice(model, reason) for model, reason in found[:MOST])


Reasons = list[tuple[str, str]]


def _for_people(_: int, __: int) -> Reasons:
    return [("swap", "It learns the faces of two people, and draws one in footage of the other, with both's consent.")]


def _for_pairs(images: int, _: int) -> Reasons:
    found = [("pix2pix", "It learns to make the second picture of a pair from the first, and answers while you draw.")]
    if images >= VERY_FEW:
        found.append(("pix2pixhd", "The same for larger pictures and for label maps: finer, and slower to train."))
    return found


def _for_two_sets(_: int, __: int) -> Reasons:
    return [
        ("cyclegan", "It translates from each set to the other and back, without pairs."),
        ("cut", "It translates one way alone, with less memory."),
        ("munit", "It gives many answers to one picture, each in another style."),
    ]


def _for_classes(images: int, classes: int) -> Reasons:
    if images < VERY_FEW:
        return [_pca(images), ("lda", "It finds what tells the classes apart, in seconds.")]
    found = [("cgan", "It samples pictures of the class that you ask for, and shows the first ones within minutes.")]
    if images >= FEW:
        found.append(("biggan", "It samples classes in more detail than cgan: for many pictures, and for hours."))
    if classes == 2:
        found.append(("cyclegan", "It turns pictures of one class into the other, such as horses into zebras."))
    found.append(("vae", "It makes a map: alike pictures lie side by side, and each picture has a place."))
    return found


def _for_pictures(images: int, _: int) -> Reasons:
    if images < VERY_FEW:
        return [_pca(images)]
    adversarial = (
        ("r3gan", "It samples in detail, by one loss that stays stable; it takes longer than dcgan.")
        if images >= FEW
        else ("stylegan2", "Its augmentation adapts to sets as small as this one, which others learn by heart.")
    )
    return [
        adversarial,
        ("dcgan", "The quick one: small networks, and the first samples within minutes."),
        ("vae", "It makes a map: alike pictures lie side by side, and each picture has a place."),
    ]


def _pca(images: int) -> tuple[str, str]:
    return "pca", f"With {images} pictures this is what can be learned: how they differ, in seconds, without training."
