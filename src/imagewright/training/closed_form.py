"""Fitting in closed form: one go over the images, and the same run directory as any training leaves."""

from __future__ import annotations

import time

import numpy as np
import torch

from imagewright import distributed
from imagewright.images import Images
from imagewright.images.float_stream import FloatStream
from imagewright.model import Model
from imagewright.runs.report.page import write_report
from imagewright.runs.run import Run
from imagewright.runs.weights import write_tensors
from imagewright.training import device as devices
from imagewright.training.previews import fixed_inputs, write_preview
from imagewright.training.reporting import Reporter
from imagewright.training.signals import StopRequest


def fit(model: Model, images: Images, run: Run, reporter: Reporter, stop: StopRequest) -> None:
    """The closed form, on the main rank: it is quick, and one process reads the images as fast as several."""

    def watch(seen: int) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        reporter.progressed(seen)

    if distributed.is_main():
        reporter.started(run, len(images))
        started = time.monotonic()
        with torch.inference_mode():
            model.fit(FloatStream(images, watch))
        seconds = time.monotonic() - started
        record = {"model": run.model, "config": run.record["config"], "images_seen": len(images)}
        write_tensors(run.checkpoint_at(len(images)).weights, model.state_dict(), record)
        shown = fixed_inputs(model, {"images": images}, run.record["seed"], np.empty(0, np.int64))
        if shown is not None:
            write_preview(model, shown, run, len(images))
        line = {
            "images_seen": len(images),
            "seconds": round(seconds, 3),
            "images_per_second": round(len(images) / max(seconds, 1e-9), 1),
            "losses": {},
            "derived_metrics": model.derived_metrics({}),
            "learning_rates": {},
            "memory_bytes": devices.memory_bytes(torch.device("cpu")),
        }
        run.append_metrics(line)
        write_report(run.path)
        reporter.reported(line)
        reporter.finished(run)
    distributed.barrier()
