"""A model that is trained: its run, samples of equal seeds, reconstructions, a plane or a walk, scores, the doctor."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

import torch

from imagewright import catalogue
from imagewright.capabilities import sampled_classes, samples_classes, verbs_of
from imagewright.distributed import choose_device
from imagewright.errors import ImagewrightError
from imagewright.images import Images
from imagewright.images.selection import subset_evenly
from imagewright.latent.walks.plane import manifold
from imagewright.latent.walks.walk_sheets import interpolation_sheet
from imagewright.model import Model
from imagewright.model_choice import options_for
from imagewright.output.grids import draw_grid, plain_grid
from imagewright.output.sheets import Sheet
from imagewright.runs.loading import load
from imagewright.runs.places import RECORD
from imagewright.runs.provenance import run_record
from imagewright.runs.run import Run
from imagewright.tours.by_heart import by_heart
from imagewright.tours.plan import short_options, training_minutes
from imagewright.tours.record import PartRecord, options_typed
from imagewright.tours.scoring import score_run
from imagewright.tours.work import PartReporter, TourWork
from imagewright.training.doctor.findings import Finding, examine, why_not_diagnosed
from imagewright.training.resume import seconds_in
from imagewright.training.train import train
from imagewright.verbs.apply import sample
from imagewright.verbs.sheets import reconstruction_sheet, sample_sheet

SAMPLES, ROW, COLUMNS = 24, 8, 8
PLANE = 12  # pictures a side
CLASSES_SHOWN, OF_A_CLASS = 12, 8
LONGER_ON_CPU, LONGER_ON_GPU = 60, 240  # minutes of the command that trains a model longer
FINDINGS = 2


def train_model(work: TourWork, part: PartRecord) -> None:
    """Train a model for the time of its part, show and score what it learned."""
    part.facts, part.figures, part.values = [], [], {}
    finish_model(work, part, train_part(work, part))


def train_part(work: TourWork, part: PartRecord, fitted: Images | None = None) -> Run:
    """The run of a part: trained, or gone on with if it was interrupted. Raises `Stopped` on request.

    fitted: the pictures of a model in closed form; those of all trainings by default.
    """
    assert part.model is not None
    path = work.folder / part.name
    reporter = PartReporter(work.clock)
    learned = work.sized.trained if fitted is None else fitted
    images: Any = work.sized.translated if part.kind == "translation" else learned
    common: dict[str, Any] = {"out": path, "reporter": reporter, "stop": work.stop}
    if (path / RECORD).exists():
        return train(part.model, images, resume=True, **common)
    options: dict[str, Any] = {"seed": work.record.seed, "device": work.device}
    if not catalogue.model_class(part.model).is_closed_form():
        # What the doctor needs for itself: pictures that are held out here are not seen by any training.
        minutes = training_minutes(part.minutes, work.record.besides_training)
        options |= {"minutes": minutes} | _short_options(work, part) | _chosen_options(work, part)
    return train(part.model, images, **options, **common)


def _short_options(work: TourWork, part: PartRecord) -> dict[str, int]:
    return short_options(str(part.model), training_minutes(part.planned), accelerator=accelerated(work.device))


def _chosen_options(work: TourWork, part: PartRecord) -> dict[str, Any]:
    """The options that `train auto` gives the model."""
    return options_for(str(part.model), accelerator=accelerated(work.device))


def finish_model(work: TourWork, part: PartRecord, run: Run) -> None:
    """Show, score and examine what a run has learned."""
    model = load(run)
    part.trained_seconds = seconds_in(run)
    part.command = command_for_longer(work, part)
    if small := _short_options(work, part):
        part.facts.append(
            "In so short a training on a CPU a small network learns more than the usual one, which the command below "
            f"trains. This one: {' '.join(options_typed(small))}."
        )
    if _chosen_options(work, part).get("base") == "pca":
        part.facts.append("Its samples start from those of PCA: the network learns what to add to them (--base pca).")
    _show(work, part, run, model)
    score_run(work, run, model)
    part.by_heart = by_heart(work, model)
    part.doctor = doctor_lines(run)


def command_for_longer(work: TourWork, part: PartRecord) -> str:
    """The command that trains this model on the user's pictures, for longer than the tour has."""
    record = work.record
    sources, words = [record.source], options_typed(record.opening)
    if record.other is not None:
        sources = [record.source, record.other] if part.kind == "translation" else sources
        if record.arrangement == "pairs" and part.kind != "translation":
            sources = [record.other]
    elif record.arrangement == "two sets" and part.kind != "translation":
        sources = [str(work.pictures.own.source)]  # the first set alone; the folder holds both
    elif record.arrangement == "pairs" and part.kind != "translation":
        words += ["--image-layers", ",".join(layer.name for layer in work.pictures.own.layers)]
    if "size" not in record.opening:
        words += ["--size", f"{record.size[1]}x{record.size[0]}" if len(set(record.size)) > 1 else str(record.size[0])]
    if part.kind != "components":
        words += options_typed(_chosen_options(work, part))
        words += ["--minutes", str(LONGER_ON_GPU if accelerated(work.device) else LONGER_ON_CPU)]
    out = f"runs/{part.model}-{Path(record.source).stem or 'pictures'}"
    return shlex.join(["imagewright", "train", str(part.model), *sources, *words, "--out", out])


def accelerated(device: str) -> bool:
    """Whether models are trained on a GPU."""
    return choose_device(device).type != "cpu"


def doctor_lines(run: Run) -> list[str]:
    """What the doctor says of a training: its headline, or its first findings with one thing to try for each."""
    if why_not_diagnosed(run, run.metrics()):
        return []
    found = examine(run)
    return [found.headline] if found.headline else [_finding_line(finding) for finding in found.findings[:FINDINGS]]


def _finding_line(finding: Finding) -> str:
    """A finding as a sentence; the length of a training is advised in minutes, as the command of the part has it."""
    remedy, longer = finding.remedy, "The command below trains it longer."
    if remedy.option != "images_seen" or remedy.value is None or remedy.now is None:
        return f"{finding.name}: {finding.evidence}. " + (longer if remedy.resumes else finding.suggestion)
    if float(remedy.value) > float(remedy.now):
        return f"{finding.name}: {finding.evidence}. {longer}"
    return f"{finding.name}: {finding.evidence}. More pictures help; with these, give the command below fewer minutes."


def _show(work: TourWork, part: PartRecord, run: Run, model: Model) -> None:
    verbs, seed = verbs_of(model), work.record.seed
    if "sample" in verbs:
        row = plain_grid(sample(model, ROW, seed=seed), columns=ROW)
        part.row = work.write_picture(f"row-{part.name}", row, sample_sheet(model, ROW, seed=seed).record)
    if samples_classes(model):
        _show_classes(work, part, model)
    elif "sample" in verbs:
        sheet = sample_sheet(model, SAMPLES, seed=seed)
        sheet = dataclasses.replace(sheet, columns=COLUMNS, captions=None, title=None)
        work.add_sheet(part, f"{part.name}-samples", sheet, f"New pictures, seed {seed}.")
    if "reconstruct" in verbs and part.kind == "model":
        sheet = reconstruction_sheet(run, work.sized.reference, ROW)
        sheet = dataclasses.replace(sheet, title=None, column_labels=None)
        work.add_sheet(part, f"{part.name}-rebuilt", sheet, "Pictures above, and what is rebuilt from their codes.")
    if part.kind == "model" and "sample" in verbs:
        _show_path(work, part, run, model)


def _show_classes(work: TourWork, part: PartRecord, model: Any) -> None:
    every, seed = sampled_classes(model), work.record.seed
    names = every[:CLASSES_SHOWN]
    images = torch.cat([sample(model, OF_A_CLASS, seed=seed, label=name) for name in names])
    record = run_record("sample", model, seed=seed, settings={"count": OF_A_CLASS, "each_class": True})
    caption = "New pictures, a row for each class; a column has the same noise."
    if len(names) < len(every):
        caption = f"The first {len(names)} of {len(every)} classes. {caption}"
    work.add_sheet(part, f"{part.name}-classes", Sheet(images, row_labels=names, record=record), caption)


def _show_path(work: TourWork, part: PartRecord, run: Run, model: Model) -> None:
    """The plane of latents of a model whose codes have places, else a walk between samples."""
    try:
        if part.model == "vae":
            plane = manifold(run, PLANE, images=select_pictures(work), model=model)
            caption = (
                "A plane of codes, along the two directions in which they vary most in the set: neighbours are alike."
            )
            work.add_picture(part, f"{part.name}-plane", plain_grid(plane.images, columns=PLANE), caption)
        elif not samples_classes(model):
            sheet = interpolation_sheet(run, COLUMNS, ends=[0, 1, 2, 3], model=model)
            sheet = dataclasses.replace(sheet, title=None, column_labels=None, captions=None, row_labels=None)
            picture = draw_grid(sheet.images, COLUMNS)
            caption = "Walks from one new picture to another: each row begins where the last one ended."
            work.add_picture(part, f"{part.name}-walk", picture, caption, sheet.record)
    except ImagewrightError as error:  # a single latent has no plane
        part.facts.append(str(error))


def select_pictures(work: TourWork) -> Any:
    """Some pictures of the set, spread evenly over it, by which latents are scaled."""
    return subset_evenly(work.sized.trained, 200)  # an array has no names, by which --only chooses
