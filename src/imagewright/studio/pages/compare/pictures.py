"""Pictures of the runs that are compared: samples of equal seeds, and what each makes of one photo."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from imagewright.errors import UserError
from imagewright.output.provenance import COMPOSITE, ENHANCED
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.models import Loaded
from imagewright.studio.serving.page import Picture
from imagewright.studio.serving.sources import shown
from imagewright.studio.serving.studio import Studio

if TYPE_CHECKING:
    from torch import Tensor

MOST_SAMPLES = 16
PHOTO_SIDE = 512  # pixels of a photo that goes through the models: larger ones take seconds
MOST_TARGETS = 6  # domains or attributes that a photo is translated to
MOST_CLASSES = 3  # that are told of a photo
SCORED_BY = 16  # samples by which a likelihood is estimated: few, since a page waits


def samples(studio: Studio, asked: Asked) -> list[Picture]:
    """Samples of a run; sample k of a seed is the same at every checkpoint as far as the latents go.

    label: a class, for a run that samples classes. images_seen: an earlier checkpoint.
    """
    from imagewright.runs.provenance import run_record
    from imagewright.verbs.apply import sample

    count, seed = asked.whole("count", 8, low=1, high=MOST_SAMPLES), asked.whole("seed", 0)
    label = asked.text("label") if asked.raw("label") else None

    def work(loaded: Loaded) -> list[Picture]:
        images = sample(loaded.model, count, seed=seed, label=label)
        settings = {"count": count} | ({} if label is None else {"label": label})
        record = run_record("sample", loaded.model, seed=seed, settings=settings)
        name = loaded.run.path.name
        return [
            Picture(_pixels(image), record, f"{name}-{seed}-{place}", {"title": f"{seed}:{place}"})
            for place, image in enumerate(images)
        ]

    return studio.models.call(asked.text("run"), work, images_seen=_checkpoint(asked))


def photo(studio: Studio, asked: Asked) -> list[Picture] | dict[str, str]:
    """What a run makes of a photo: its reconstruction, and translations; a sentence if it makes no picture of it."""
    given = studio.shelf.get(asked.text("ticket"))
    seed = asked.whole("seed", 0)
    image = Image.fromarray(shown(given.pixels, PHOTO_SIDE))

    def work(loaded: Loaded) -> list[Picture]:
        return [*_reconstructed(loaded, image, given.name), *_translated(loaded, image, given.name, seed)]

    found = studio.models.call(asked.text("run"), work, images_seen=_checkpoint(asked))
    return found or {"cannot": "This model makes no picture of a photo."}


def photo_facts(studio: Studio, asked: Asked) -> dict[str, Any]:
    """What a run says of a photo: its likeliest classes, and its score."""
    from imagewright.capabilities import verbs_of
    from imagewright.verbs.apply import classify, score

    image = Image.fromarray(shown(studio.shelf.get(asked.text("ticket")).pixels, PHOTO_SIDE))

    def work(loaded: Loaded) -> dict[str, Any]:
        model: Any = loaded.model
        verbs, told = verbs_of(model), dict[str, Any]()
        if "classify" in verbs:
            likely = classify(model, image)[0].exp().tolist()
            names = sorted(zip(model.class_names, likely, strict=True), key=lambda each: -each[1])
            told["classes"] = [{"name": name, "share": share} for name, share in names[:MOST_CLASSES]]
        if "score" in verbs:
            told["score"] = {
                "value": float(score(model, image, samples=SCORED_BY)[0]),
                "unit": getattr(model, "score_unit", ""),
            }
        return told

    return studio.models.call(asked.text("run"), work, images_seen=_checkpoint(asked))


def _reconstructed(loaded: Loaded, image: Image.Image, name: str) -> Iterator[Picture]:
    from imagewright.capabilities import verbs_of
    from imagewright.metrics.pictures.reconstruction import peak_signal_to_noise
    from imagewright.runs.provenance import run_record
    from imagewright.verbs.apply import images_for, reconstruct

    if "reconstruct" not in verbs_of(loaded.model):
        return
    before = next(images_for(loaded.model, image).stream(1)).images
    after = reconstruct(loaded.model, image)
    error = float(peak_signal_to_noise(before, after)[0])
    record = run_record("reconstruct", loaded.model, settings={"source": name, "count": 1}, source_type=ENHANCED)
    title = f"reconstruction, PSNR {error:.1f} dB"
    yield Picture(_pixels(after[0]), record, f"{name}-{loaded.run.path.name}", {"title": title})


def _translated(loaded: Loaded, image: Image.Image, name: str, seed: int) -> Iterator[Picture]:
    """Translations to each domain, or to each attribute, that the model reaches without references."""
    from imagewright.capabilities import verbs_of
    from imagewright.runs.provenance import run_record
    from imagewright.verbs.translate import translate
    from imagewright.verbs.translation_inputs import source_channels

    model: Any = loaded.model
    if "translate" not in verbs_of(model) or source_channels(model) is None:
        return
    attributes = [{each: 1.0} for each in getattr(model, "attribute_names", ())]
    for target in [*(tuple(model.domains) or ([] if attributes else [None])), *attributes][:MOST_TARGETS]:
        title = "translation" if target is None else target if isinstance(target, str) else next(iter(target))
        try:
            made = translate(model, image, to=target, seed=seed)
        except UserError:  # a network that the run does not hold, or a style that must come from references
            continue
        settings = {"source": name, "count": 1, "to": target}
        record = run_record("translate", model, seed=seed, settings=settings, source_type=COMPOSITE)
        yield Picture(_pixels(made[0]), record, f"{name}-{title}", {"title": title})


def _pixels(image: Tensor) -> np.ndarray:
    pixels: np.ndarray = image.permute(1, 2, 0).numpy()
    return pixels


def _checkpoint(asked: Asked) -> int | None:
    return asked.whole("images_seen") if "images_seen" in asked else None
