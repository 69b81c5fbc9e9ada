"""`train`: a model, images, a run directory; in four stages, each of which takes what the one before returned."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from imagewright import catalogue, distributed
from imagewright.errors import ConfigError, ImagewrightError
from imagewright.images import Images
from imagewright.model import Model
from imagewright.runs.lock import lock_run
from imagewright.runs.run import Run
from imagewright.training import device as devices
from imagewright.training import resume as resuming
from imagewright.training import setting as settings
from imagewright.training.capture import check_capture
from imagewright.training.checkpointing import Checkpoints, ReportPage
from imagewright.training.closed_form import fit
from imagewright.training.data.feeds import check_feeds
from imagewright.training.data.rare_resampling import Resampler, parse_strength
from imagewright.training.data.validation_split import choose_held_out, settle_held_out
from imagewright.training.doctor.monitor import Doctor
from imagewright.training.engine import Engine
from imagewright.training.loop import Loop
from imagewright.training.memory import out_of_memory_explained
from imagewright.training.metrics_log import MetricsLog
from imagewright.training.observers import Observer, Training
from imagewright.training.plan import Plan
from imagewright.training.preparing import apply_flip, prepare_sources, report_skipped
from imagewright.training.previews import PreviewObserver
from imagewright.training.reporting import PlainLines, Reporter, Silent
from imagewright.training.setting import Setting
from imagewright.training.signals import StopRequest, stop_on_signals
from imagewright.training.starting import start_from
from imagewright.training.submodels import fill_submodels
from imagewright.training.tracking import Tracked, check_tensorboard

ImagesLike = Images | str | Path | Any
REPORTS = 25
CHECKPOINTS = 5


class Stopped(ImagewrightError):
    """Training ended because the user asked."""

    exit_code = 130


def train(
    model: str,
    images: ImagesLike | Mapping[str, ImagesLike],
    out: str | Path | None = None,
    *,
    resume: bool = False,
    force: bool = False,
    reporter: Reporter | None = None,
    stop: StopRequest | None = None,
    observers: Sequence[Observer] = (),
    **options: Any,
) -> Run:
    """Train a model of the catalogue on images and return its run. Under `torchrun`, every rank calls it alike.

    model: its name in the catalogue.
    images: a source as for `open_images`, or opened images; for a model of several sources a mapping by their names.
    out: the run directory, `runs/MODEL-SOURCE` by default.
    resume: continue the run that is there. Options that are not given are the run's own.
    force: replace the run that is there.
    reporter: what is called with the progress of the training; lines on the error stream by default.
    stop: a request that ends the training at the next step once its `asked` is set, with a checkpoint.
    observers: called between steps, besides the training's own (see `training/observers.py`).
    options: those of `TrainingOptions` and of the model's config.

    Raises `UserError` for what cannot be done as asked, `TrainingError` if training fails, `Stopped` after Ctrl-C or
    `stop`, when a checkpoint was written.
    """
    catalogue.entry_of(model)
    if resume and force:
        raise ConfigError("--resume goes on with a run and --force replaces it: give one of them.")
    training_options, model_options = settings.split_options(model, options)
    reporter = (reporter or PlainLines()) if distributed.is_main() else Silent()
    device = distributed.choose_device(training_options.get("device", "auto"))
    path = Path(out) if out is not None else Path("runs") / f"{model}-{settings.run_name(images)}"
    with distributed.process_group(device.type), out_of_memory_explained(), ExitStack() as until_the_end:
        settings.warn_unused(model, training_options, reporter.message)
        setting = resolve(model, images, path, training_options, model_options, reporter, resume=resume, force=force)
        if setting.options.tensorboard and distributed.is_main():
            check_tensorboard()
            reporter = Tracked(reporter)
        assembled = assemble(model, setting, path, device, reporter, resume=resume)
        run = occupy(model, assembled, path, until_the_end, resume=resume, force=force)
        stopped = carry_out(assembled, run, device, reporter, stop, observers, resume=resume)
        for source in setting.sources.values():
            if not source.cached:  # only now is it known which images could not be read
                report_skipped(source, "replaced by the next", reporter)
    if stopped:
        raise Stopped(f"Stopped and saved. {settings.how_to_resume()}")
    return Run(path)


# Stage 1: what the user asked for


def resolve(
    model: str,
    images: Any,
    path: Path,
    training_options: dict[str, Any],
    model_options: dict[str, Any],
    reporter: Reporter,
    *,
    resume: bool,
    force: bool,
) -> Setting:
    """The setting of a new run, or of the run at `path`; raises before any long work."""
    if resume:
        return resuming.resolve_resumed(Run(path), model, images, training_options, model_options, reporter.message)
    Run.check_place(path, force=force)
    return settings.resolve_new(model, images, training_options, model_options, reporter.message)


# Stage 2: the model, and the images decoded


@dataclasses.dataclass(frozen=True, kw_only=True)
class Assembled:
    """A model as training starts from it. plan: None for a closed form. started_from: what `--from` took."""

    model: Model
    plan: Plan | None
    setting: Setting
    started_from: dict[str, Any] | None = None


def assemble(
    name: str, setting: Setting, path: Path, device: torch.device, reporter: Reporter, *, resume: bool
) -> Assembled:
    """Build the model and its plan, and prepare the images."""
    model_class, options = catalogue.model_class(name), setting.options
    devices.check_memory(model_class, setting.config, device)
    torch.manual_seed(options.seed)
    model = model_class(setting.config)
    fill_submodels(model, setting.submodels)
    plan, started_from = None, None
    if not model.is_closed_form():
        if resume:
            resuming.check_length(Run(path), model, options)
        plan = settings.build_plan(options, model.recipe())
        if plan.capture:
            check_capture(model, plan.precision, device)
        devices.check_batch(plan.batch_size // distributed.world_size(), setting.config, device)
        check_feeds(model, setting.sources)
    if options.start is not None and not resume:
        started_from = start_from(model, options.start, reporter.message)
    if not model.is_closed_form() and not resume:
        setting = dataclasses.replace(setting, sources=apply_flip(setting.sources, model.recipe(), reporter.message))
    prepare_sources(setting.sources.values(), reporter)
    # Only now is it known how many images there are.
    options = settle_held_out(options, setting.images, has_steps=plan is not None)
    setting = dataclasses.replace(setting, options=options)
    return Assembled(model=model, plan=plan, setting=setting, started_from=started_from)


# Stage 3: the run directory


def occupy(name: str, assembled: Assembled, path: Path, until_the_end: ExitStack, *, resume: bool, force: bool) -> Run:
    """Lock the run directory until the training ends, and write its record."""
    setting, plan = assembled.setting, assembled.plan

    def begin() -> None:
        until_the_end.enter_context(lock_run(path))
        if resume:
            resuming.record_changes(Run(path), setting.options, plan)
        else:
            Run.check_place(path, force=force)
            until_the_end.enter_context(_removed_if_unused(path))
            Run.create(path, settings.run_record(name, setting, plan, assembled.started_from), force=force)

    distributed.first_on_main(begin)
    return Run(path)


@contextmanager
def _removed_if_unused(path: Path) -> Iterator[None]:
    """A training that fails before its first report leaves no run behind: the same command then works when mended."""
    try:
        yield
    except BaseException:
        Run.remove_unused(path)
        raise


# Stage 4: the training itself


def carry_out(
    assembled: Assembled,
    run: Run,
    device: torch.device,
    reporter: Reporter,
    stop: StopRequest | None,
    observers: Sequence[Observer],
    *,
    resume: bool,
) -> bool:
    """Train. Returns whether the user asked to stop."""
    with stop_on_signals(stop) as request, _interruption_explained(run):
        if assembled.plan is not None:
            training = begin_training(assembled, assembled.plan, run, device, reporter)
            every = report_interval(training)
            own = standard_observers(training, every)
            Loop(training, [*own, *observers], every, request).go(resume=resume)
        elif resume and run.is_whole():
            reporter.message(f"{run.path} is trained already")
        else:
            fit(assembled.model, assembled.setting.images, run, reporter, request)
    return request.asked


def begin_training(assembled: Assembled, plan: Plan, run: Run, device: torch.device, reporter: Reporter) -> Training:
    """The model on its device, with what moves it."""
    model, setting, options = assembled.model, assembled.setting, assembled.setting.options
    model.equip()
    devices.prepare(model, device)
    engine = Engine(model, plan, device)
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
        total=math.ceil(plan.images_seen / plan.batch_size) * plan.batch_size,
    )


def standard_observers(training: Training, report_every: int) -> list[Observer]:
    """What every training has beside its steps, in the order in which it is called at a report."""
    options = training.options
    checkpoint_every = options.checkpoint_every or whole_batches(training, CHECKPOINTS)
    observers: list[Observer] = []
    if distributed.is_main():
        observers += [Doctor(report_every), PreviewObserver(report_every), MetricsLog(report_every)]
    observers.append(Checkpoints(checkpoint_every))
    if distributed.is_main():
        observers.append(ReportPage(checkpoint_every))
    if options.evaluate_every is not None:
        from imagewright.training.evaluating import EvaluationObserver  # few trainings need what it imports

        observers.append(EvaluationObserver(options.evaluate_every))
    return observers


def report_interval(training: Training) -> int:
    """Images between two reports."""
    return training.options.report_every or whole_batches(training, REPORTS)


def whole_batches(training: Training, parts: int) -> int:
    """A part of the training in whole batches, so that reports come at even distances."""
    batch_size = training.plan.batch_size
    return math.ceil(training.total / parts / batch_size) * batch_size


@contextmanager
def _interruption_explained(run: Run) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(f"Stopped at once, without saving. {run.resume_note()}") from None
