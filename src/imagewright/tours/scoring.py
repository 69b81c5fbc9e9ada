"""The scores of a tour: every model by the same recipe, against the same real pictures, with few enough samples."""

from __future__ import annotations

import time
from dataclasses import asdict

import numpy as np
import torch

from imagewright.capabilities import samples_from, verbs_of
from imagewright.distributed import choose_device
from imagewright.errors import DataError
from imagewright.images.selection import select_evenly
from imagewright.metrics.evaluate import evaluate
from imagewright.metrics.features.run_features import open_features
from imagewright.metrics.subjects import choose_images
from imagewright.model import Model
from imagewright.pretrained.features.presence import present_features
from imagewright.progress import StageProgress
from imagewright.runs.report.score_tables import Column, make_columns
from imagewright.runs.run import Run
from imagewright.runs.scores import Score, read_scores
from imagewright.seeds import derive_seed
from imagewright.tours.pictures import SizedPictures
from imagewright.tours.plan import scored_pictures
from imagewright.tours.ranking import real_scores
from imagewright.tours.record import PartRecord, TourRecord
from imagewright.tours.texts import LABELS
from imagewright.tours.work import TourWork

SAMPLE_METRICS = ("kd", "precision_recall")
RECONSTRUCTION = "reconstruction"
LEAST_REBUILT = 11  # pixels a side of pictures whose reconstructions are scored: the window of SSIM
REAL = "real pictures"
BEST_FEATURES, TIMED = "efficientnet_lite0", 8
HIDDEN = ("ssim",)  # says here what PSNR says
REFERENCES = 2  # real pictures for each sample that is scored


def choose_features() -> str:
    """The network in whose features pictures are compared: EfficientNet-Lite0 if its weights are here, else random."""
    return BEST_FEATURES if BEST_FEATURES in present_features() else "random"


def affordable_count(record: TourRecord, sized: SizedPictures, device: str) -> int:
    """How many samples of each model can be scored in the time for it, by the rate of the network here."""
    network = open_features(record.features, device=str(choose_device(device)))
    pictures = select_evenly(sized.trained, TIMED).images
    colour = pictures.expand(-1, 3, -1, -1) if pictures.shape[1] == 1 else pictures[:, :3]
    with torch.inference_mode():
        network.extract(network.prepare(colour))
        began = time.monotonic()
        network.extract(network.prepare(colour))
    rate = len(colour) / max(1e-6, time.monotonic() - began)
    models = sum(part.kind in ("components", "model") for part in record.parts)
    return scored_pictures(record.minutes, models, len(sized.reference), rate)


def score_run(work: TourWork, run: Run, model: Model) -> None:
    """Score the samples and the reconstructions of a run, and save the scores in it."""
    tell: StageProgress = work.clock.tick
    record, reference = work.record, choose_images(work.sized.reference, _references(work), work.record.seed)
    common = {"against": reference, "seed": record.seed, "device": work.device, "progress": tell, "alone": True}
    if "sample" in verbs_of(model):
        source = model.latent_sources[0] if samples_from(model) and len(model.latent_sources) > 1 else None
        evaluate(
            run,
            metrics=SAMPLE_METRICS,
            features=record.features,
            count=record.scored,
            sample_from=source,
            **common,  # type: ignore[arg-type]
        )
    if "reconstruct" in verbs_of(model) and min(record.size) >= LEAST_REBUILT:
        evaluate(run, metrics=[RECONSTRUCTION], features=record.features, **common)  # type: ignore[arg-type]


def score_real(work: TourWork, part: PartRecord) -> None:
    """Score real pictures as if they were samples: no model can be expected to do better.

    If pictures are held out, those of the training are compared with them as samples are; else one half of the set with
    the other.

    part: in whose record the scores are kept.
    """
    record, sized = work.record, work.sized
    if sized.held_out:
        sample = choose_images(sized.trained, record.scored, record.seed)
        reference = choose_images(sized.reference, _references(work), record.seed)
    else:
        order = np.random.default_rng(derive_seed(record.seed, "tour", "halves")).permutation(len(sized.whole))
        halves = np.array_split(order, 2)
        sample, reference = (
            choose_images(sized.whole.subset(np.sort(half)), record.scored, record.seed) for half in halves
        )
    try:
        found = evaluate(
            sample,
            reference,
            metrics=SAMPLE_METRICS,
            features=record.features,
            seed=record.seed,
            device=work.device,
            alone=True,
            progress=work.clock.tick,
        )
    except DataError:  # too few pictures in a half: nothing is then said of how near samples are
        return
    part.values["real"] = [asdict(score) for score in found.scores]


def _references(work: TourWork) -> int:
    return REFERENCES * work.record.scored


def scores_of(record: TourRecord, runs: dict[str, Run]) -> dict[str, list[Score]]:
    """The scores of each model that has some, by its short name; real pictures first if they were scored.

    runs: by the name of the part.
    """
    found: dict[str, list[Score]] = {}
    if record.held_out and real_scores(record):  # of a small set they have another reference
        found[REAL] = real_scores(record)
    for name, run in runs.items():
        own = read_scores(run.path)
        if own:
            found[LABELS[name]] = own
    return {name: found[name] for name in sorted(found, key=lambda name: name != REAL)}


def columns_of(scores: dict[str, list[Score]]) -> list[Column]:
    """The columns of the table of scores."""
    return make_columns([score for own in scores.values() for score in own if score.output not in HIDDEN])
