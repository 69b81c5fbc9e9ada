"""`train`: a model, a set of images, a run directory."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagewright import catalogue, configs, distributed
from imagewright.errors import ConfigError, ImagewrightError, TrainingError
from imagewright.images import Images, open_images
from imagewright.phases import Model
from imagewright.pixels import to_float
from imagewright.runs.checkpoints import write_tensors
from imagewright.runs.claims import claimed
from imagewright.runs.report import write_report
from imagewright.runs.run import Run
from imagewright.training import device as devices
from imagewright.training import setup, showcase
from imagewright.training.interruptions import StopRequest, stop_on_signals
from imagewright.training.loop import Loop
from imagewright.training.options import TrainingOptions
from imagewright.training.reporting import PlainLines, Reporter, Silent

NAMED_AT_MOST = 3  # unreadable pictures, in a message


class Stopped(ImagewrightError):
    """Training ended because the user asked."""

    exit_code = 130


def train(
    model: str,
    images: Images | str | Path | Any,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    force: bool = False,
    reporter: Reporter | None = None,
    **options: Any,
) -> Run:
    """Train a model of the catalogue on images and return its run.

    `out`: the run directory, `runs/MODEL-SOURCE` by default. `resume`: go on with the run that is there; options not
    given are the run's own. `force`: replace it. `options`: those of `TrainingOptions` and of the model's config.
    Raises `UserError` for what cannot be done as asked, `TrainingError` where training failed, `Stopped` after
    Ctrl-C, when a checkpoint was written; under `torchrun`, every rank calls it alike.
    """
    catalogue.entry_of(model)
    if resume and force:
        raise ConfigError("--resume goes on with a run and --force replaces it: give one of them.")
    training_options, model_options = setup.divided(model, options)
    reporter = (reporter or PlainLines()) if distributed.is_main() else Silent()
    device = devices.choose(training_options.get("device", "auto"))
    with distributed.process_group(device.type), _memory_errors_said(), ExitStack() as until_the_end:
        path = Path(out) if out is not None else Path("runs") / f"{model}-{setup.name_of(images)}"
        opened = setup.as_trained(Run(path), images) if resume else open_images(images)
        opened = setup.fitted(model, opened, reporter.message)
        setup.say_what_is_unused(model, training_options, reporter.message)
        if resume:
            run = Run(path)
            setup.check_same(run, model, opened, training_options, model_options)
            chosen = setup.resumed_options(run, training_options)
            config = configs.build(catalogue.model_class(model).Config, run.record["config"], model)
        else:
            Run.check_place(path, force=force)
            chosen = configs.build(TrainingOptions, training_options, "training")
            config = setup.config_of(model, opened, model_options)
        devices.check_memory(catalogue.model_class(model), config, device)
        torch.manual_seed(chosen.seed)
        built = catalogue.model_class(model)(config)
        plan = setup.plan_of(chosen, built.recipe) if built.phases() else None
        if plan is not None:
            devices.check_batch(plan.batch_size // distributed.world_size(), config, device)
        distributed.first_on_main(lambda: _prepare(opened, reporter))
        opened.prepare()  # on the other ranks: opens what the main one made

        def begin() -> None:
            until_the_end.enter_context(claimed(path))
            if resume:
                setup.record_changes(Run(path), chosen, plan)
            else:
                Run.check_place(path, force=force)
                until_the_end.enter_context(_removed_if_unused(path))
                Run.create(path, setup.record_of(model, config, opened, chosen, plan), force=force)

        distributed.first_on_main(begin)
        run = Run(path)
        with stop_on_signals() as stop, _interruption_said(run):
            if plan is None and resume and run.is_whole():
                reporter.message(f"{run.path} is trained already")
            elif plan is None:
                _fit(built, opened, run, reporter, stop)
            else:
                Loop(built, opened, run, chosen, plan, device, reporter, stop).go(resume=resume)
    if stop.asked:
        raise Stopped(f"Stopped and saved. {setup.how_to_go_on()}")
    return run


def _prepare(images: Images, reporter: Reporter) -> None:
    """Decode the images once, and say what was left out."""
    images.prepare(reporter.preparing)
    for note in images.notes:
        reporter.message(note)
    if images.skipped:
        count = len(images.skipped)
        what = "unreadable picture is" if count == 1 else "unreadable pictures are"
        named = "; ".join(f"{name} ({reason})" for name, reason in images.skipped[:NAMED_AT_MOST])
        rest = f"; `imagewright data check {images.source}` names all" if count > NAMED_AT_MOST else ""
        reporter.message(f"{count:,} {what} left out: {named}{rest}")


@contextmanager
def _removed_if_unused(path: Path) -> Iterator[None]:
    """A training that fails before its first report leaves no run behind: the same command then works when mended."""
    try:
        yield
    except BaseException:
        Run.remove_unused(path)
        raise


@contextmanager
def _interruption_said(run: Run) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(f"Stopped at once, without saving. {run.what_is_kept()}") from None


class FloatStream:
    """Images as a closed-form fit wants them: float batches, as many passes as it needs. Ctrl-C ends the pass."""

    def __init__(self, images: Images, stop: StopRequest, reporter: Reporter) -> None:
        self.images, self.stop, self.reporter = images, stop, reporter

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, batch_size: int) -> Iterator[Tensor]:
        seen = 0
        for batch in self.images.batches(batch_size):
            if self.stop.asked:
                raise KeyboardInterrupt
            yield to_float(batch.images.contiguous())
            seen += len(batch.images)
            self.reporter.progressed(seen)


def _fit(model: Model, images: Images, run: Run, reporter: Reporter, stop: StopRequest) -> None:
    """The closed form, on the main rank: it is quick, and one process reads the images as fast as several."""
    if distributed.is_main():
        reporter.started(run, len(images))
        started = time.monotonic()
        with torch.inference_mode():
            model.fit(FloatStream(images, stop, reporter))
        seconds = time.monotonic() - started
        record = {"model": run.model, "config": run.record["config"], "images_seen": len(images)}
        write_tensors(run.checkpoint_at(len(images)).weights, model.state_dict(), record)
        showcase.draw(model, showcase.fixed_inputs(model, images, run.record["seed"]), run, len(images))
        line = {
            "images_seen": len(images),
            "seconds": round(seconds, 3),
            "images_per_second": round(len(images) / max(seconds, 1e-9), 1),
            "losses": {},
            "readings": model.readings({}),
            "learning_rates": {},
            "memory_bytes": devices.memory_bytes(torch.device("cpu")),
        }
        run.append_metrics(line)
        write_report(run.path)
        reporter.reported(line)
        reporter.finished(run)
    distributed.barrier()


@contextmanager
def _memory_errors_said() -> Iterator[None]:
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise _out_of_memory(error) from None
    except RuntimeError as error:
        if "can't allocate memory" in str(error) or "out of memory" in str(error).lower():
            raise _out_of_memory(error) from None
        raise


def _out_of_memory(error: BaseException) -> TrainingError:
    asked = re.search(r"allocate (\d+) bytes", str(error))
    much = f" when {int(asked[1]) / 2**30:.1f} GiB more were asked for" if asked else ""
    return TrainingError(
        f"Memory ran out{much}. What to lower: --micro-batch (the same training, fewer images at once), --batch-size, "
        "--size, or the model's width or components."
    )
