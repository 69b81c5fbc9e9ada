"""`train`: from a model's name, images and options to a run directory, in four stages.

Each stage takes the result of the stage before, so that they cannot be called in another order.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from imagewright import agreement, catalogue, distributed
from imagewright.errors import PREEMPTED, ConfigError, ImagewrightError
from imagewright.images import Images
from imagewright.runs import places
from imagewright.runs.run import Run
from imagewright.training import device as devices
from imagewright.training.arranging import arrange
from imagewright.training.assembling import Assembled, assemble
from imagewright.training.checkpointing import Checkpoints, ReportPage
from imagewright.training.choosing import settle_model, with_chosen
from imagewright.training.closed_form import fit
from imagewright.training.consents import settle_consents
from imagewright.training.data.rare_resampling import Resampler, parse_strength
from imagewright.training.data.validation_split import choose_held_out
from imagewright.training.doctor.monitor import Doctor
from imagewright.training.engine import Engine
from imagewright.training.joining import check_settings, lend_run, settle_resume, tell_other_hosts
from imagewright.training.loop import Loop
from imagewright.training.memory import explain_out_of_memory
from imagewright.training.memory_use import tell_memory
from imagewright.training.metrics_log import MetricsLog
from imagewright.training.notebook_bar import default_reporter
from imagewright.training.observers import Observer, Training
from imagewright.training.opening_run import open_run
from imagewright.training.options import rank_patience
from imagewright.training.plan import Plan
from imagewright.training.preparing import report_skipped
from imagewright.training.previews import PreviewObserver
from imagewright.training.reporting import Reporter, Silent
from imagewright.training.resume import (
    recorded_sources,
    resolve_resumed,
)
from imagewright.training.setting import (
    Setting,
    name_run,
    open_sources,
    resolve_new,
    resume_command,
    split_options,
    warn_unused,
)
from imagewright.training.signals import StopRequest, stop_on_signals
from imagewright.training.tracking import TensorBoardReporter, check_tensorboard
from imagewright.training.training_pictures import TrainingPictures

ImagesLike = Images | str | Path | Any


class Stopped(ImagewrightError):
    """Training was stopped on request, by Ctrl-C, SIGTERM, SIGUSR1 or `stop`.

    exit_code: 130; after SIGUSR1, by which a batch system asks for the machine, 75.
    """

    exit_code = 130

    def __init__(self, message: str, *, preempted: bool = False) -> None:
        super().__init__(message)
        if preempted:
            self.exit_code = PREEMPTED


def train(
    model: str,
    images: ImagesLike | Mapping[str, ImagesLike],
    out: str | Path | None = None,
    *,
    resume: bool = False,
    force: bool = False,
    auto_resume: bool = False,
    reporter: Reporter | None = None,
    stop: StopRequest | None = None,
    observers: Sequence[Observer] = (),
    consent: Any = None,
    **options: Any,
) -> Run:
    """Train a model on images and return its run. With `torchrun`, every rank makes the same call.

    model: its name in the catalogue, or "auto" for the one that suits the images (`choose_model`).
    images: a source as for `open_images`, or opened images; for a model of several sources a mapping by their names, or
        one source that holds two domains.
    out: the run directory; `runs/MODEL-SOURCE` by default.
    resume: whether to resume the run in `out`. Options that are not given are those of the run.
    force: whether to replace the run in `out`.
    auto_resume: whether to resume the run in `out` if there is one, and else to begin it, as a job that is queued
        again needs.
    reporter: shows the progress; by default a bar in a notebook, else lines of text on the error stream.
    stop: a request that ends the training after the present step, with a checkpoint, once its `asked` is True.
    observers: called between steps, after the training's own (`imagewright.Observer`).
    consent: of the people whose faces are learned, kept in `run.json`; models such as `swap` are not trained without.
        "WHO; GIVEN BY; DATE", a file that says so, "self", a mapping with `who`, `given_by` and `when`, or a list.
    options: options of the training and of the model, by name: `iw.list_options(model)` lists them. Options of
        `open_images`, such as `size`, open each source; layers and kinds are `image_layers` and `layer_kinds` here.
        `direction="BtoA"` takes the second half of pairs as the input; `domains="cat,dog"` or `domains="Smiling"`
        chooses two domains of one labelled source.

    Raises `UserError` for arguments that cannot be used, `TrainingError` if the training diverges or memory runs out,
    `Stopped` after Ctrl-C, SIGTERM or `stop`.
    """
    if not all(isinstance(observer, Observer) for observer in observers):
        raise ConfigError("observers: expected objects of classes that derive from imagewright.Observer.")
    told = reporter or default_reporter()
    reporter = told if distributed.is_main() else Silent()
    path = Path(out) if out is not None else Path("runs") / f"{model}-{name_run(images)}"
    device = distributed.choose_device(options.get("device", "auto"))
    patience = rank_patience(options)
    with distributed.process_group(device.type, patience), explain_out_of_memory(), ExitStack() as exit_stack:
        resume, force = settle_resume(path, resume=resume, force=force, auto_resume=auto_resume, say=reporter.message)
        read = lend_run(path, exit_stack, with_checkpoint=True) if resume else path
        model, images, chosen = settle_model(model, images, options, read if resume else None, reporter.message)
        training_options, model_options, opening = split_options(model, with_chosen(options, chosen))
        warn_unused(model, training_options, reporter.message)
        setting = resolve(
            model,
            images,
            read,
            training_options,
            model_options,
            device,
            reporter,
            opening=opening,
            resume=resume,
            force=force,
            consent=consent,
        )
        check_settings(model, setting)
        if setting.options.tensorboard and distributed.is_main():
            check_tensorboard()
            reporter = TensorBoardReporter(reporter)
        setting = dataclasses.replace(setting, chosen=chosen)
        assembled = assemble(model, setting, read if resume else None, device, reporter)
        if chosen and assembled.plan is not None:
            before = assembled.initialised.memory
            tell_memory(assembled.model, setting.sources, assembled.plan, device, reporter.message, before=before)
        setting, plan, started = assembled.setting, assembled.plan, assembled.started
        run = open_run(model, setting, plan, started, path, read, exit_stack, resume=resume, force=force)
        tell_other_hosts(path, told.message)
        stopped = run_training(assembled, run, device, reporter, stop, observers, resume=resume)
        for source in assembled.setting.sources.values():
            if not source.cached:  # images without a cache are decoded, and found unreadable, during the training
                report_skipped(source, "replaced by the next", reporter)
        if run.path == path:
            run = Run(path)
        run.path = path  # as the main rank's host knows it; the copy of a host without its disk is removed
    if stopped:
        raise Stopped(f"Stopped and saved. {resume_command()}", preempted=stopped.preempted)
    return run


# Stage 1: the setting


def resolve(
    model: str,
    images: Any,
    path: Path | None,
    training_options: dict[str, Any],
    model_options: dict[str, Any],
    device: torch.device,
    reporter: Reporter,
    *,
    opening: Mapping[str, Any] = MappingProxyType({}),
    resume: bool,
    force: bool,
    consent: Any = None,
) -> Setting:
    """The setting of a new run, or of the run at `path`. Raises `UserError` for arguments that cannot be used.

    path: None for a setting that no run will have.

    It reads no pictures and builds no model, so that a mistake is reported at once.
    """
    resumed = path if resume else None
    if resumed is None and path is not None:
        agreement.first_on_main(lambda: places.check_place(path, force=force))

    def settle() -> Setting:
        consents = settle_consents(model, consent, resumed, training_options.get("start"))
        opened, options, derived = images, opening, {}
        run = Run(resumed) if resumed is not None else None
        if (opener := catalogue.opener_of(model)) is not None:
            recorded = recorded_sources(run) if run is not None else None
            sets = opener(opened, options, reporter.message, recorded=recorded)
            opened, options, derived = sets.sources, {}, sets.config
        opened, options = arrange(model, opened, options, reporter.message, run)
        opened = open_sources(model, opened, options, reporter.message)
        if run is not None:
            setting = resolve_resumed(run, model, opened, training_options, model_options, reporter.message)
        else:
            accelerator = device.type != "cpu"
            setting = resolve_new(
                model,
                opened,
                training_options,
                model_options,
                reporter.message,
                accelerator=accelerator,
                derived=derived,
            )
        return dataclasses.replace(setting, consent=consents)

    return agreement.together(settle)


# Stage 2, the model and the decoded images, is assembling.py. Stage 3, the run directory, is opening_run.py.
# Stage 4: training


def run_training(
    assembled: Assembled,
    run: Run,
    device: torch.device,
    reporter: Reporter,
    stop: StopRequest | None,
    observers: Sequence[Observer],
    *,
    resume: bool,
) -> StopRequest | None:
    """Train by steps, or fit in closed form. Returns the request that stopped it before its end; None if none did."""
    with stop_on_signals(stop) as request, _explain_interruption(run, request):
        if assembled.plan is not None:
            training = begin_training(assembled, assembled.plan, run, device, reporter)
            own = standard_observers(training)
            loop = Loop(training, [*own, *observers], request, assembled.limit)
            loop.train(resume=resume)
            if training.images_seen < training.total and not loop.is_over:
                request.preempted = distributed.any_rank(request.preempted)
                return request
            return None
        if resume and run.is_whole():
            reporter.message(f"{run.path} is trained already")
        else:
            fit(assembled.model, assembled.setting.images, run, reporter, request)
    return None


def begin_training(assembled: Assembled, plan: Plan, run: Run, device: torch.device, reporter: Reporter) -> Training:
    """Move the model to its device, and build the engine, the validation split and the resampler."""
    model, setting, options = assembled.model, assembled.setting, assembled.setting.options
    devices.prepare_model(model, device)
    engine = Engine(model, plan, device)
    engine.averages.seen_before = (run.record.get("started_from") or {}).get("images_seen", 0)
    if assembled.started is not None:
        engine.averages.restore(assembled.started.averages)
    if options.compile:
        for network in engine.networks.values():
            network.compile()
    held_out = choose_held_out(options.held_out, len(setting.images), plan.seed)
    resampler = None
    if options.resample is not None:
        resampler = Resampler(parse_strength(options.resample), model, setting.images, plan.seed, held_out)
    return Training(
        model=model,
        sources=setting.sources,
        run=run,
        options=options,
        plan=plan,
        device=device,
        reporter=reporter,
        engine=engine,
        held_out=held_out,
        resampler=resampler,
        pace=plan.pace,
        total=math.ceil(plan.images_seen / plan.batch_size) * plan.batch_size,
    )


def standard_observers(training: Training) -> list[Observer]:
    """The observers of every training, in the order in which they are called after a step.

    The doctor comes before the log, because it adds to the report.
    """
    options = training.options
    every = options.report_every
    observers: list[Observer] = []
    if distributed.is_main():
        observers += [TrainingPictures(), Doctor(every), PreviewObserver(every), MetricsLog(every)]
    observers.append(Checkpoints(options.checkpoint_every))
    if distributed.is_main():
        observers.append(ReportPage(every))
    if options.evaluate_every is not None:
        from imagewright.training.evaluating import EvaluationObserver  # its imports are slow, and rarely needed

        observers.append(EvaluationObserver(options.evaluate_every))
    return observers


@contextmanager
def _explain_interruption(run: Run, request: StopRequest) -> Iterator[None]:
    """Within the block, a `KeyboardInterrupt` becomes `Stopped`, with the last checkpoint."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(f"Stopped at once, without saving. {run.resume_note()}", preempted=request.preempted) from None
