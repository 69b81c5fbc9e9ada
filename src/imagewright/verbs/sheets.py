"""Sheets of what the verbs make, with their provenance records: new pictures, reconstructions, scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import latent_parts_of, sampled_classes, samples_classes
from imagewright.errors import UserError
from imagewright.images import Images, open_images
from imagewright.images.selection import select_evenly
from imagewright.model import Model
from imagewright.output.provenance import COMPOSITE, ENHANCED
from imagewright.output.sheets import Results, Sheet
from imagewright.runs.loading import training_notes
from imagewright.runs.provenance import run_record
from imagewright.verbs.apply import (
    ImagesLike,
    RunLike,
    decode,
    images_for,
    reconstruct,
    resolve_model,
    sample,
    sample_latents,
    training_noise,
)
from imagewright.verbs.apply import add_noise as with_noise
from imagewright.verbs.conditions import class_number
from imagewright.verbs.points import Point, parse_point
from imagewright.views import source_settings, view_model, view_settings

SAMPLES, OF_A_CLASS = 16, 8  # samples on a sheet, and of each class on one


def sample_sheet(
    run: RunLike,
    count: int | None = None,
    *,
    seed: int = 0,
    label: int | str | None = None,
    attributes: Mapping[str, float] | None = None,
    each_class: bool = False,
    sample_from: str | None = None,
    inputs: int | str | Sequence[int | str] = (),
    points: Sequence[int | str] = (),
) -> Sheet:
    """The sheet of `count` new images with the name of each, SEED:INDEX; they are those of `sample`. 16 by default.

    By these names (SEED:INDEX:CLASS if the model is conditional on classes) other tools take the same images, as in
    `interpolate(run, ends=["0:7", "0:3"])`.

    run: a run, its directory, a weights file or a model.
    seed: image k of a seed is the same for every count.
    label: the class to sample, by name or number, if the model is conditional on classes.
    attributes: values from 0 to 1 by name, if the model is conditional on attributes.
    each_class: `count` images (8 by default) of every class instead: a row a class, a column a sample of the prior.
    inputs: instead of `count` images of a seed, the images of these names, such as "0:7".
    points: the former name of `inputs`.
    sample_from: "prior" or "fitted", as for `sample_latents`.
    Raises `UserError` for a condition that the model does not have.
    """
    model = view_model(resolve_model(run), sample_from=sample_from)
    count = (OF_A_CLASS if each_class else SAMPLES) if count is None else count
    settings: dict[str, Any] = {"count": count}
    settings |= {} if label is None else {"label": label}
    settings |= {"attributes": dict(attributes)} if attributes else {}
    settings |= {"each_class": True} if each_class else {}
    labels: dict[str, Any]
    names = [inputs] if isinstance(inputs, int | str) else [*inputs, *points]
    if names:
        if label is not None or attributes or each_class:
            raise UserError("A point names its class itself, as in 0:7:cat: leave label, attributes and classes out.")
        return _points_sheet(model, names)
    if each_class:
        classes = _classes(model, label, attributes)
        images = torch.cat([sample(model, count, seed=seed, label=name) for name in classes])
        labels = {"row_labels": classes, "column_labels": [str(Point(seed, index)) for index in range(count)]}
    else:
        images = sample(model, count, seed=seed, label=label, attributes=attributes)
        # A sample with given attributes has no name that other tools could take it by.
        named = _sampled_class_names(model, count, seed, label)
        captions = [str(index if attributes else Point(seed, index, name)) for index, name in enumerate(named)]
        labels = {"captions": captions}
    record = run_record("sample", model, seed=seed, settings=settings)
    source = source_settings(model).get("sample_from")
    origin = "" if source is None else f" from the {'fitted density' if source == 'fitted' else source}"
    what = _described(label, attributes, each_class=each_class)
    title = f"{record['model']}: {count} {what}{origin}{_truncation_of(model)}, seed {seed}"
    return Sheet(images, title=title, record=record, notes=training_notes(model), **labels)


def _sampled_class_names(model: Model, count: int, seed: int, label: int | str | None) -> list[str | None]:
    """The class of each sample: the given one; else the sampled one, if it is a part of the latents; else None.

    The noise of a sample does not depend on its class, so that a sample named with its class is the same.
    """
    if not samples_classes(model):
        return [None] * count
    if label is not None:
        return [model.class_names[class_number(model.class_names, label)]] * count
    part = next((part for part in latent_parts_of(model) if part.kind == "category" and not part.code), None)
    if part is None:
        return [None] * count
    numbers = sample_latents(model, count, seed).flatten(1)[:, part.places].argmax(1)
    return [model.class_names[number] for number in numbers.tolist()]


def _points_sheet(model: Model, points: Sequence[int | str]) -> Sheet:
    """The sheet of samples by their names. Raises `UserError` for a text that is none."""
    parsed = [parse_point(str(each)) for each in points]
    for each, point in zip(points, parsed, strict=True):
        if point is None:
            raise UserError(
                f"{each!r} is no point: expected SEED or SEED:INDEX, as sheets of samples name them, such as 0:7."
            )
    named = [point for point in parsed if point is not None]
    images = decode(model, torch.cat([point.latent(model) for point in named]))
    names = [str(point) for point in named]
    record = run_record("sample", model, settings={"points": names})
    title = f"{record['model']}: {len(names)} samples by name{_truncation_of(model)}"
    files = [f"{name.replace(':', '-')}.png" for name in names]
    results = Results(images, record, files if len(set(files)) == len(files) else None)
    return Sheet(images, captions=names, title=title, record=record, results=results, notes=training_notes(model))


def _truncation_of(model: Model) -> str:
    """The truncation of a view, for a title."""
    psi = view_settings(model).get("truncation")
    return "" if psi is None else f", truncation {psi:g}"


def _classes(model: Model, label: int | str | None, attributes: Mapping[str, float] | None) -> list[str]:
    if label is not None or attributes:
        raise UserError("Samples of each class take neither a label nor attributes: leave those out.")
    if not samples_classes(model):
        raise UserError(
            f"{catalogue.name_of(model)} is not conditional on classes, so it has no samples of each class."
        )
    return sampled_classes(model)


def _described(label: int | str | None, attributes: Mapping[str, float] | None, *, each_class: bool) -> str:
    """What was sampled, in words for a title."""
    if each_class:
        return "samples of each class"
    values = [f"{name}={value:g}" for name, value in (attributes or {}).items()]
    return " ".join(
        ["samples", *(["of", str(label)] if label is not None else []), *(["with", *values] if values else [])]
    )


def reconstruction_sheet(
    run: RunLike,
    images: ImagesLike,
    count: int = 8,
    *,
    add_noise: bool = False,
    seed: int = 0,
    split: str | None = None,
) -> Sheet:
    """The sheet of `count` images of a source and their reconstructions; its results are the reconstructions.

    A denoising model reconstructs the images as they are, and so removes the noise that they have.

    run: a run, its directory, a weights file or a model.
    images: a source, a picture, or opened images. They are brought to the model's size, and chosen at even distances.
    add_noise: reconstruct the images with the noise of the model's training added, which are a row between.
    seed: of the noise.
    split: a part of the source, such as "test".
    Raises `UserError` for `add_noise` and a model that was trained without noise.
    """
    model = resolve_model(run)
    source = images_for(model, images if split is None else open_images(images, split=split))
    chosen = select_evenly(source, count)
    noise = training_noise(model)
    reconstructions = reconstruct(model, chosen.images, add_noise=add_noise, seed=seed)
    rows = {"input": chosen.images}
    if add_noise:
        noisy = with_noise(model, chosen.images, seed=seed)
        assert noisy is not None  # else `reconstruct` has refused
        rows["with noise"] = noisy
    rows["reconstruction" if noise is None or add_noise else "cleaned"] = reconstructions
    settings: dict[str, Any] = {"source": Path(source.source).name, "count": len(chosen.names)}
    settings |= {"added_noise": noise} if add_noise else {}
    facts: dict[str, Any] = {"seed": seed if add_noise else None, "settings": settings}
    of_noise = f"{noise} added" if add_noise else "nothing added"
    notes = []
    is_part = len(chosen.names) < len(source)
    shown = f" of {len(chosen.names)} of {len(source):,} pictures" if is_part else ""
    if is_part:
        notes.append(
            f"{len(chosen.names)} of {len(source):,} pictures are reconstructed, spread evenly over {source.source} "
            "(--count N for more)."
        )
    if noise is not None and not add_noise:
        notes.append(
            f"The model was trained to remove noise ({noise}): it cleans the pictures as they are. --add-noise "
            "(add_noise=True) adds that noise to them first."
        )
    return Sheet(
        torch.cat(list(rows.values())),
        row_labels=list(rows),
        column_labels=chosen.classes or [Path(name).stem for name in chosen.names],
        title=f"{catalogue.name_of(model)}: reconstructions{shown}{'' if noise is None else f', {of_noise}'}",
        record=run_record("reconstruct", model, source_type=COMPOSITE, **facts),
        results=Results(reconstructions, run_record("reconstruct", model, source_type=ENHANCED, **facts), chosen.names),
        notes=[*training_notes(model), *notes],
    )


def score_sheet(images: Images, scores: Tensor, unit: str, *, extremes: int = 8) -> Sheet:
    """The images with the lowest and with the highest scores, a row each. It has no record: nothing was generated.

    images: the images that were scored.
    scores: float (N,), in their order.
    unit: what the scores are: `model.score_unit`.
    extremes: images a row; at most half of all.
    """
    each = max(1, min(extremes, len(images) // 2))
    order = scores.argsort()
    chosen = torch.cat([order[:each], order[-each:].flip(0)]) if len(images) > 1 else order
    return Sheet(
        images.batch(chosen.numpy()).images,
        row_labels=["lowest", "highest"] if len(images) > 1 else ["only"],
        captions=[f"{float(scores[index]):.4g}" for index in chosen],
        title=f"scores: {unit}",
    )
