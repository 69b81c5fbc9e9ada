"""The models to begin with, for a set of pictures of some kind and size. No model is imported, no picture is read.

The one rule of `train auto`, which trains the first, of the studio's page Home, which shows them, and of tours, which
leave out networks that sample by the same time (`least_minutes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imagewright.catalogue_entries import Needs
from imagewright.errors import count_text

VERY_FEW = 50  # pictures: fewer say too little for a network that samples
VERY_FEW_ON_CPU = 200  # there networks are small and trainings short; of 170 solar cells PCA's samples are the best
VERY_FEW_OF_A_CLASS = 30  # pictures: classes of fewer on average are no classes to learn
FEW = 2_000  # pictures, below which a discriminator comes to know them by heart without augmentation
SHORT = 0.5  # minutes: in less of it on a CPU samples are behind those of PCA, also of a network that starts from it
MOST = 3  # recommendations
FIRST_CHOICES = ("pca", "cgan", "projected_gan", "stylegan2", "r3gan", "dcgan", "pix2pix", "cyclegan", "swap")
"""Every model that the rule may put first."""
STARTING_FROM_PCA = ("dcgan", "cgan")  # models with the option `base`


@dataclass(frozen=True)
class ModelChoice:
    """A model to begin with, or one that was passed over.

    model: its name in the catalogue.
    reason: one sentence for the user.
    options: of the model, that suit the pictures and the machine better than those of its paper.
    """

    model: str
    reason: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Beginning:
    """What is known before a model is chosen.

    needs: what the pictures are, in the words of `Entry.needs`: plain pictures, such with classes, pairs, two sets, or
        the faces of people.
    images: the number of pictures; of pairs and of two sets all together.
    classes: the number of classes; 0 without labels.
    accelerator: whether there is a GPU.
    features: whether the fixed network is installed that `projected_gan` sees pictures through.
    minutes: of the training.
    """

    needs: Needs
    images: int
    classes: int = 0
    accelerator: bool = True
    features: bool = False
    minutes: float = 10.0

    @property
    def is_short(self) -> bool:
        """Whether there is too little time for a network."""
        return self.minutes < least_minutes(accelerator=self.accelerator)

    @property
    def are_few(self) -> bool:
        """Whether there are too few pictures for a network that samples."""
        return self.images < (VERY_FEW if self.accelerator else VERY_FEW_ON_CPU)

    @property
    def enough(self) -> int:
        """The pictures from which on a network that samples is recommended; on a CPU fewer if classes are large."""
        if self.accelerator:
            return VERY_FEW
        of_classes = max(VERY_FEW, VERY_FEW_OF_A_CLASS * self.classes)
        return min(VERY_FEW_ON_CPU, of_classes) if self.needs == "classes" else VERY_FEW_ON_CPU


Reasons = list[tuple[str, str]]


def least_minutes(*, accelerator: bool) -> float:
    """The minutes of training below which no network is recommended for new pictures; 0 on a GPU."""
    return 0.0 if accelerator else SHORT


def recommend_models(needs: Needs, images: int, classes: int = 0, **known: Any) -> tuple[ModelChoice, ...]:
    """One to three models to begin with, the first of which is the one to take if only one is trained.

    needs, images, classes, known: see `Beginning`.

    The table: docs/training.md. On a CPU by equal time: docs/measurements.md.
    """
    beginning = Beginning(needs, images, classes, **known)
    found = {
        "people": _for_people,
        "pairs": _for_pairs,
        "two sets": _for_two_sets,
        "classes": _for_classes,
        "pictures": _for_pictures,
    }[needs](beginning)
    return tuple(
        ModelChoice(model, reason, options_for(model, accelerator=beginning.accelerator))
        for model, reason in found[:MOST]
    )


def options_for(model: str, *, accelerator: bool) -> dict[str, Any]:
    """The options that a chosen model gets beside those that it suggests itself, which keep to its paper's layers.

    On a CPU a training is so short that samples which start from PCA's stay ahead (docs/measurements.md).
    """
    return {"base": "pca"} if model in STARTING_FROM_PCA and not accelerator else {}


def passed_over(needs: Needs, images: int, classes: int = 0, **known: Any) -> tuple[ModelChoice, ...]:
    """Models that would suit in other circumstances, with what speaks against each; none if there is nothing to say.

    needs, images, classes, known: see `Beginning`.
    """
    beginning = Beginning(needs, images, classes, **known)
    first = recommend_models(needs, images, classes, **known)[0].model
    reasons: Reasons = []
    if first == "pca" and beginning.are_few:
        reasons.append(("any network", f"from some {beginning.enough} pictures on, one learns to make new ones here."))
    elif first == "pca":
        reasons.append(
            ("any network", "in less than half a minute on a CPU its samples are behind: give more --minutes.")
        )
    if first == "stylegan2" and not beginning.features:
        reasons.append(("projected_gan", f"its fixed network is not installed ({INSTALL})."))
    if first == "dcgan":
        reasons.append(("projected_gan", "an image costs it three times as much as dcgan, and is worth less at first."))
        reasons.append(("r3gan and stylegan2", "an image costs them six times as much as dcgan, too much for a CPU."))
    if needs == "classes" and first not in ("cgan", "pca"):
        reasons.append(("cgan", f"{classes} classes of {images // classes} pictures on average are too small."))
    return tuple(ModelChoice(model, reason) for model, reason in reasons)


INSTALL = "pip install 'imagewright[features]'"


def _for_people(_: Beginning) -> Reasons:
    return [("swap", "It learns the faces of two people, and draws one in footage of the other, with both's consent.")]


def _for_pairs(beginning: Beginning) -> Reasons:
    found = [("pix2pix", "It learns to make the second picture of a pair from the first, and answers while you draw.")]
    if beginning.images >= VERY_FEW:
        found.append(("pix2pixhd", "The same for larger pictures and for label maps: finer, and slower to train."))
    return found


def _for_two_sets(_: Beginning) -> Reasons:
    return [
        ("cyclegan", "It translates from each set to the other and back, without pairs."),
        ("cut", "It translates one way alone, with less memory."),
        ("munit", "It gives many answers to one picture, each in another style."),
    ]


def _for_classes(beginning: Beginning) -> Reasons:
    images, classes = beginning.images, beginning.classes
    if images < VERY_FEW or beginning.is_short:
        return [_pca(beginning), ("lda", "It finds what tells the classes apart, in seconds.")]
    if images < VERY_FEW_OF_A_CLASS * classes:
        return _for_pictures(beginning)
    found = [("cgan", "It samples pictures of the class that you ask for, and shows the first ones within minutes.")]
    if images >= FEW:
        found.append(("biggan", "It samples classes in more detail than cgan: for many pictures, and for hours."))
    if classes == 2:
        found.append(("cyclegan", "It turns pictures of one class into the other, such as horses into zebras."))
    found.append(("vae", "It makes a map: alike pictures lie side by side, and each picture has a place."))
    return found


def _for_pictures(beginning: Beginning) -> Reasons:
    if beginning.are_few or beginning.is_short:
        return [_pca(beginning)]
    first_samples = "the first samples within minutes" if beginning.accelerator else "samples that start from PCA's"
    quick = ("dcgan", f"The quick one: small networks, and {first_samples}.")
    found: Reasons = []
    if beginning.accelerator and beginning.images >= FEW:
        found.append(("r3gan", "It samples in detail, by one loss that stays stable; it takes longer than dcgan."))
    elif beginning.accelerator and beginning.features:
        found.append(
            ("projected_gan", "It judges pictures through a network that knows shapes already, and so learns few fast.")
        )
    elif beginning.accelerator:
        found.append(
            ("stylegan2", "Its augmentation adapts to sets as small as this one, which others learn by heart.")
        )
    return [*found, quick, ("vae", "It makes a map: alike pictures lie side by side, and each picture has a place.")]


def _pca(beginning: Beginning) -> tuple[str, str]:
    counted = count_text(beginning.images, "picture")
    of = f"Of {counted}" if beginning.are_few else "In so little time"
    return "pca", f"{of} this is what can be learned: how they differ, in seconds, without training."
