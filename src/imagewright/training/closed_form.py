"""Fitting in closed form, with the same run directory as a training by steps.

Several ranks share the passes of a model that says so (`Model.sums_over_ranks`); the main rank fits another one alone.
"""

from __future__ import annotations

import time

import torch

from imagewright import agreement, distributed
from imagewright.images import Images
from imagewright.images.float_stream import FloatStream
from imagewright.model import Model
from imagewright.runs.report.page import write_report
from imagewright.runs.run import Run
from imagewright.runs.weights import write_tensors
from imagewright.shared_work import sharing_work, wait_for_all, working_alone
from imagewright.training import device as devices
from imagewright.training.data.feeds import NO_IMAGES
from imagewright.training.previews import choose_inputs, write_preview
from imagewright.training.reporting import Reporter
from imagewright.training.signals import StopRequest
from imagewright.training.training_pictures import save_training_pictures


def fit_over_ranks(model: Model, stream: FloatStream) -> None:
    """Fit a model, with the passes shared by the ranks if it says so; else on the main rank alone."""
    with sharing_work(), torch.inference_mode():
        if type(model).sums_over_ranks:
            model.fit(stream)
        elif distributed.is_main():
            with working_alone():
                model.fit(stream)
        wait_for_all()


def fit(model: Model, images: Images, run: Run, reporter: Reporter, stop: StopRequest) -> None:
    """Fit a model, and write its run on the main rank.

    model: on the CPU.
    images: read in passes.
    run: its directory, with its record.
    reporter: called with the images read.
    stop: checked after each batch.

    Raises `KeyboardInterrupt` if a stop is requested: a half-finished fit cannot be saved.
    """

    def report_progress(seen: int) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        reporter.progressed(seen)

    started = time.monotonic()
    if distributed.is_main():
        reporter.started(run, len(images))
    fit_over_ranks(model, FloatStream(images, report_progress))
    agreement.first_on_main(lambda: _write(model, images, run, reporter, time.monotonic() - started))


def _write(model: Model, images: Images, run: Run, reporter: Reporter, seconds: float) -> None:
    """Write the checkpoint of a fitted model, and its first and last report."""
    for sentence in model.describe_fit():
        reporter.message(sentence)
    record = {"model": run.model, "config": run.record["config"], "images_seen": len(images)}
    # The weights last: a run is trained when they are there, and a preview shows that the model answers.
    sources = {"images": images}
    save_training_pictures(model, sources, NO_IMAGES, run)
    inputs = choose_inputs(model, sources, run.record["seed"], NO_IMAGES)
    if inputs is not None:
        write_preview(model, inputs, run, len(images))
    write_tensors(run.checkpoint_at(len(images)).weights, model.state_dict(), record)
    report = {
        "images_seen": len(images),
        "seconds": round(seconds, 3),
        "images_per_second": round(len(images) / max(seconds, 1e-9), 1),
        "losses": {},
        "derived_metrics": model.derived_metrics({}),
        "learning_rates": {},
        "memory_bytes": devices.peak_memory(devices.CPU),
    }
    run.append_metrics(report)
    write_report(run.path)
    reporter.reported(report)
    reporter.finished(run)
