"""The second stage of `train`: the model with its plan, and the decoded images."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from imagewright import agreement, catalogue, distributed
from imagewright.images.float_stream import FloatStream
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.training import device as devices
from imagewright.training.activations import check_activations
from imagewright.training.capture import check_capture
from imagewright.training.data.feeds import check_feeds
from imagewright.training.data.own_shards import settle_shards
from imagewright.training.data.validation_split import choose_held_out, settle_held_out
from imagewright.training.fit_forecast import check_fit
from imagewright.training.initialising import Initialised, initialise_from_images
from imagewright.training.joining import check_rows
from imagewright.training.plan import Plan, highest_rate
from imagewright.training.planning import complete_plan
from imagewright.training.preparing import apply_augmentation, prepare_sources, warn_if_few
from imagewright.training.reporting import Reporter, Silent
from imagewright.training.resume import check_length, with_recorded_pace
from imagewright.training.setting import Setting, build_plan
from imagewright.training.starting import Started, start_from
from imagewright.training.submodels import copy_submodels

LEAST_LEFT = 1.0  # seconds of the user's time that are left for steps, however long the images were looked at


@dataclasses.dataclass(frozen=True, kw_only=True)
class Assembled:
    """A model at the start of its training.

    model: on the CPU.
    plan: None for a closed-form model.
    setting: with prepared images, and the number of held-out images decided.
    started: the weights that `--from` took from another run; None without it.
    initialised: what it took that the model looked at the images before its first step.
    """

    model: Model
    plan: Plan | None
    setting: Setting
    started: Started | None = None
    initialised: Initialised = dataclasses.field(default_factory=Initialised)

    @property
    def limit(self) -> float | None:
        """Seconds of the user's time that are left for the steps; None if the user gave none."""
        given = self.setting.limit
        return None if given is None else max(LEAST_LEFT, given - self.initialised.seconds)


def assemble(name: str, setting: Setting, resumed: Path | None, device: torch.device, reporter: Reporter) -> Assembled:
    """Build the model and its plan, and prepare the images.

    resumed: the run directory that is resumed; None for a new run.
    """
    assembled = agreement.together(lambda: _build(name, setting, resumed, device, reporter))
    model, plan, setting = assembled.model, assembled.plan, assembled.setting
    prepare_sources(setting.sources.values(), reporter, resume=resumed is not None)
    check_rows(setting.sources)
    # The number of images is known only after they were prepared, since unreadable ones are left out.
    options = settle_held_out(setting.options, setting.images, reporter.message, has_steps=plan is not None)
    if plan is None and resumed is None:
        agreement.together(lambda: model.check_images(FloatStream(setting.images)))
    if plan is not None:
        if resumed is None:
            for source in setting.sources.values():
                warn_if_few(source, reporter)
        for note in agreement.together(model.equip) or ():
            reporter.message(note)
        held_out = choose_held_out(options.held_out, len(setting.images), plan.seed)
        say = reporter.message if resumed is None else Silent().message
        settle_shards(model, setting.sources, plan, held_out, say, resampled=options.resample is not None)
        if _begins_anew(resumed):
            found = initialise_from_images(model, setting.images, held_out, plan.seed, reporter.message)
            assembled = dataclasses.replace(assembled, initialised=found)
        if resumed is None:
            spent = assembled.initialised.seconds
            plan = complete_plan(model, setting.sources, options, plan, held_out, device, reporter.message, spent=spent)
        else:
            plan = with_recorded_pace(Run(resumed), plan)
        options = dataclasses.replace(options, precision=plan.precision)  # type: ignore[arg-type]
    return dataclasses.replace(assembled, plan=plan, setting=dataclasses.replace(setting, options=options))


def _build(name: str, setting: Setting, resumed: Path | None, device: torch.device, reporter: Reporter) -> Assembled:
    """The model, with a plan that nothing was measured for, and images that are not prepared."""
    model_class, options = catalogue.model_class(name), setting.options
    devices.check_memory(model_class, setting.config, device)
    check_fit(model_class, setting.config, len(setting.images))
    torch.manual_seed(options.seed)
    model = model_class(setting.config)
    copy_submodels(model, setting.submodels)
    plan, started = None, None
    if not model_class.is_closed_form():
        if resumed is not None:
            check_length(Run(resumed), model, options)
        plan = build_plan(options, model.recipe(), highest_rate(model))
        if plan.capture:
            check_capture(model, plan.precision, device)
        check_activations(model_class, setting.config, plan, device, compiled=options.compile)
        devices.check_batch(plan.batch_size // distributed.world_size(), setting.config, device)
        check_feeds(model, setting.sources, resampled=options.resample is not None)
    if options.start is not None and plan is not None and _begins_anew(resumed):
        started = start_from(model, options.start, reporter.message)
    if not model.is_closed_form() and resumed is None:
        sources = apply_augmentation(setting.sources, model.recipe(), reporter.message)
        setting = dataclasses.replace(setting, sources=sources)
    return Assembled(model=model, plan=plan, setting=setting, started=started)


def _begins_anew(resumed: Path | None) -> bool:
    """Whether a training begins: of a new run, or of one that is resumed before its first checkpoint."""
    return resumed is None or not Run(resumed).checkpoints()
