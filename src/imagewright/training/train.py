"""`train`: a model, a set of images, a run directory."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from imagewright import catalogue, distributed
from imagewright.errors import ConfigError, ImagewrightError, TrainingError
from imagewright.images import Images
from imagewright.model import Model
from imagewright.runs.lock import claimed
from imagewright.runs.run import Run
from imagewright.training import device as devices
from imagewright.training import plan_and_setting as setup
from imagewright.training import resume as resuming
from imagewright.training.closed_form import fit
from imagewright.training.data import validation_split as held_out
from imagewright.training.engine import Plan
from imagewright.training.loop import Loop
from imagewright.training.plan_and_setting import Setting
from imagewright.training.reporting import PlainLines, Reporter, Silent
from imagewright.training.signals import stop_on_signals
from imagewright.training.submodels import fill
from imagewright.training.tracking import Tracked, check_tensorboard

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
    device = distributed.choose_device(training_options.get("device", "auto"))
    with distributed.process_group(device.type), _memory_errors_said(), ExitStack() as until_the_end:
        path = Path(out) if out is not None else Path("runs") / f"{model}-{setup.name_of(images)}"
        say = reporter.message
        setup.say_what_is_unused(model, training_options, say)
        if resume:
            setting = resuming.of_run(Run(path), model, images, training_options, model_options, say)
        else:
            Run.check_place(path, force=force)
            setting = setup.of_new_run(model, images, training_options, model_options, say)
        if setting.options.tensorboard and distributed.is_main():
            check_tensorboard()
            reporter = Tracked(reporter)
        built, plan = _built(model, setting, device)
        opened = setting.images
        distributed.first_on_main(lambda: _prepare(opened, reporter))
        opened.prepare()  # on the other ranks: opens what the main one made
        # Only now is it known how many pictures there are.
        options_now = held_out.settled(setting.options, opened, has_steps=plan is not None)
        setting = dataclasses.replace(setting, options=options_now)

        def begin() -> None:
            until_the_end.enter_context(claimed(path))
            if resume:
                resuming.record_changes(Run(path), setting.options, plan)
            else:
                Run.check_place(path, force=force)
                until_the_end.enter_context(_removed_if_unused(path))
                Run.create(path, setup.record_of(model, setting.config, opened, setting.options, plan), force=force)

        distributed.first_on_main(begin)
        stopped = _fitted_or_looped(built, plan, setting, Run(path), device, reporter, resume=resume)
        if not opened.cached:  # only now is it known
            _say_skipped(opened, "stood in for by the next", reporter)
    if stopped:
        raise Stopped(f"Stopped and saved. {setup.how_to_go_on()}")
    return Run(path)


def _built(name: str, setting: Setting, device: torch.device) -> tuple[Model, Plan | None]:
    """The model as training starts from, and the numbers of its training: None where it is fitted in closed form."""
    model_class = catalogue.model_class(name)
    devices.check_memory(model_class, setting.config, device)
    torch.manual_seed(setting.options.seed)
    model = model_class(setting.config)
    fill(model, setting.parts)
    if not model.phases():
        return model, None
    plan = setup.plan_of(setting.options, model.recipe)
    devices.check_batch(plan.batch_size // distributed.world_size(), setting.config, device)
    return model, plan


def _fitted_or_looped(
    model: Model,
    plan: Plan | None,
    setting: Setting,
    run: Run,
    device: torch.device,
    reporter: Reporter,
    *,
    resume: bool,
) -> bool:
    """Train; whether the user asked to stop."""
    with stop_on_signals() as stop, _interruption_said(run):
        if plan is not None:
            Loop(model, setting.images, run, setting.options, plan, device, reporter, stop).go(resume=resume)
        elif resume and run.is_whole():
            reporter.message(f"{run.path} is trained already")
        else:
            fit(model, setting.images, run, reporter, stop)
    return stop.asked


def _prepare(images: Images, reporter: Reporter) -> None:
    """Decode the images once, and say what was left out."""
    images.prepare(reporter.preparing)
    for note in images.notes:
        reporter.message(note)
    _say_skipped(images, "left out", reporter)


def _say_skipped(images: Images, what_became: str, reporter: Reporter) -> None:
    count = len(images.skipped)
    if count:
        what = "unreadable picture is" if count == 1 else "unreadable pictures are"
        named = "; ".join(f"{name} ({reason})" for name, reason in images.skipped[:NAMED_AT_MOST])
        rest = f"; `imagewright data check {images.source}` names all" if count > NAMED_AT_MOST else ""
        reporter.message(f"{count:,} {what} {what_became}: {named}{rest}")


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
