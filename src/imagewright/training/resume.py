"""Resuming a run with its recorded images and options, and errors for those given now that differ."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from imagewright import catalogue, configs
from imagewright.errors import ConfigError, RunError, one_line
from imagewright.images import Images, open_images
from imagewright.images.descriptions import opening_options
from imagewright.model import Model
from imagewright.pixels import size_text
from imagewright.pretrained.features.contract import runs_code
from imagewright.runs.loading import recorded_config
from imagewright.runs.places import RECORD, WEIGHTS_ALONE
from imagewright.runs.points import names_point, point_name, resolve_point
from imagewright.runs.run import Run
from imagewright.training.annotated import choose_annotated
from imagewright.training.milestones import Pace
from imagewright.training.options import MAY_DIFFER_ON_RESUME, TrainingOptions
from imagewright.training.plan import Plan, is_scheduled
from imagewright.training.planning import images_in
from imagewright.training.recorded_options import model_options, training_options
from imagewright.training.reporting import Say
from imagewright.training.setting import Setting, check_length_options, name_sources, plan_record
from imagewright.training.sizes import fit_size
from imagewright.training.submodels import load_submodels

FROM_RECIPE = ("images_seen", "batch_size", "learning_rate")  # if they are not given


def resolve_resumed(
    run: Run, model_name: str, images: Any, training: dict[str, Any], options: dict[str, Any], say: Say
) -> Setting:
    """The setting of a run to resume.

    run: with its record.
    model_name: in the catalogue.
    images: a source, or sources by name, as for `train`.
    training: training options that the user gave now.
    options: options of the model that the user gave now.
    say: called with notes for the user.

    Raises `RunError` if model, images or options differ from the recorded ones.
    """
    check_length_options(training)
    # The run recorded the precision that was measured; `auto` asks for no other one.
    training = {name: value for name, value in training.items() if (name, value) != ("precision", "auto")}
    if run.model != model_name:
        raise RunError(f"{run.path} trained {run.model}, not {model_name}: resume it with `train {run.model}`.")
    recorded = recorded_sources(run)
    named = name_sources(model_name, images)
    sources = {}
    for place, (name, source) in enumerate(named.items()):
        opened = open_as_recorded(recorded[name], source)
        recorded_choice = run.record["config"]
        opened = choose_annotated(
            model_name, name, opened, recorded_choice.get("condition"), recorded_choice.get("unseen_classes") or ()
        )
        sources[name] = fit_size(model_name, opened, say) if place == 0 else opened
    check_options(run, training, options)
    for name, opened in sources.items():
        check_source(run, recorded[name], opened)
    needs_submodels = not run.is_whole()  # then it is trained from its start again
    return Setting(
        sources=sources,
        options=resumed_options(run, training),
        limit=time_limit(run, training),
        config=recorded_config(run),
        submodels=load_submodels(model_name, model_options(run)) if needs_submodels else {},
    )


def recorded_sources(run: Run) -> dict[str, dict[str, Any]]:
    """The description of each source in `run.json`, by name. Raises `RunError` for a run that cannot be resumed."""
    if "imported" in run.record:
        raise RunError(f"{run.path} was imported, not trained here: there is nothing to resume. Train a new run.")
    for part in ("source", "options"):
        if not isinstance(run.record.get(part), dict):
            raise RunError(f"{run.path / RECORD} is damaged: it has no entry {part!r}. {WEIGHTS_ALONE}")
    names = catalogue.model_class(run.model).Config.sources
    with _damaged_entry(run, "options"):
        configs.build(TrainingOptions, training_options(run), "training")
    # Versions that knew one source alone recorded it as "source".
    sources: dict[str, dict[str, Any]] = run.record.get("sources") or {names[0]: run.record["source"]}
    if set(sources) != set(names):
        raise RunError(f"{run.path / RECORD} is damaged: its sources are not {', '.join(names)}. {WEIGHTS_ALONE}")
    for name, source in sources.items():
        missing = [key for key in ("size", "channels", "flip", "resize") if source.get(key) is None]
        if source.get("crop") is not None and missing:
            raise RunError(f"{run.path / RECORD} is damaged: its source {name} says no {missing[0]}. {WEIGHTS_ALONE}")
    return sources


@contextmanager
def _damaged_entry(run: Run, entry: str) -> Iterator[None]:
    """Within the block, options that cannot be are an error of the run's record."""
    try:
        yield
    except (ConfigError, TypeError) as error:
        raise RunError(
            f"{run.path / RECORD} is damaged in its {entry}: {one_line(error).rstrip('.')}. {WEIGHTS_ALONE}"
        ) from None


def open_as_recorded(recorded: dict[str, Any], source: Any) -> Images:
    """Open a path or a name with the options of the run; of opened images, set the size, crops and flip left open."""
    if isinstance(source, Images) or "crop" not in recorded:
        opened = open_images(source)
        size = tuple(recorded["size"]) if "size" in recorded else opened.size
        if opened.size != size and not opened.size_given:  # the training resized them to one that the model can do
            opened = opened.with_size(size, recorded["channels"])
        if recorded.get("load_size") and not opened.load_size_given:
            opened = opened.with_load_size(tuple(recorded["load_size"]))
        return opened if opened.flip_given else opened.with_flip(bool(recorded.get("flip")))
    return open_images(source, **opening_options(recorded))


def _as_recorded(name: str, value: Any) -> Any:
    """The value of an option as a record has it: a checkpoint that a training branched from, with all its digits."""
    if name == "start" and names_point(value):
        with suppress(RunError):  # the run from which it branched may be gone by now
            run, images_seen = resolve_point(value)
            return value if images_seen is None else point_name(run, images_seen)
    return value


def check_options(run: Run, training: dict[str, Any], options: dict[str, Any]) -> None:
    """Raise `RunError`, which names each option given now that differs from the run's."""
    differing = [
        f"{name} is {recorded[name]!r} in the run and {value!r} now"
        for given, recorded in ((training, training_options(run)), (options, model_options(run)))
        for name, value in given.items()
        if name in recorded and _as_recorded(name, value) != recorded[name] and name not in MAY_DIFFER_ON_RESUME
    ]
    if differing:
        raise RunError(
            f"{run.path} cannot be resumed with other options: {'; '.join(differing)}. "
            "Leave them out to resume, or train a new run with another --out."
        )


def check_source(run: Run, recorded: dict[str, Any], images: Images) -> None:
    """Raise `RunError` if the run was trained on other images."""
    now = images.describe()
    # "cache" matters because images without one are read in another order. Older records may lack it, when there always
    # was a cache, and may lack the digest of labels and attributes, which then cannot be compared.
    before = {"cache": True, "annotations": now["annotations"]} | recorded
    config = run.record["config"]
    named = (config.get("class_names") or config.get("attribute_names")) and config.get("condition") != "clusters"
    learned = ("annotations",) if named else ()  # clusters take the place of classes without labels
    if any(before.get(key) != now[key] for key in ("fingerprint", "flip", "cache", *learned)):
        changed = [
            f"{key} was {_format_value(before.get(key))} and is {_format_value(now[key])}"
            for key in ("source", "count", "size", "load_size", "channels", "crop", "flip", "cache")
            if before.get(key) != now[key]
        ]
        part = "pictures" if before.get("fingerprint") != now["fingerprint"] else "labels or attributes"
        what = "; ".join(changed) or f"the {part} of {now['source']} changed"
        raise RunError(
            f"{run.path} was trained on other images: {what}. "
            "A resumed run needs the same ones; train a new run with another --out."
        )


def resumed_options(run: Run, training: dict[str, Any]) -> TrainingOptions:
    """The run's recorded options, replaced by those that were given now.

    Numbers that the recipe gave are taken from the run's plan: another version may recommend others.
    """
    plan, recorded = run.record.get("plan") or {}, training_options(run)
    of_recipe = {name: plan[name] for name in FROM_RECIPE if recorded.get(name) is None and name in plan}
    given = dict(training)
    if training.get("images_seen") is not None:
        given["minutes"] = None
    elif (limit := time_limit(run, training)) is not None:
        given["images_seen"] = images_by(run, limit)
    options = configs.build(TrainingOptions, recorded | of_recipe | given, "training")
    check_code_was_named(run, options, training)
    return options


def time_limit(run: Run, training: dict[str, Any]) -> float | None:
    """The seconds that a resumed training has, if the user gave other minutes than the run has; else None.

    Minutes count from the start of the first training, without pauses.
    """
    minutes = training.get("minutes")
    if minutes is None or run.record.get("plan") is None or minutes == training_options(run).get("minutes"):
        return None
    return float(max(0.0, 60 * minutes - seconds_in(run)))


def seconds_in(run: Run) -> float:
    """The seconds that the steps of a run took so far."""
    last = run.last_report()
    return 0.0 if last is None else float(last.get("seconds", 0.0))


def images_by(run: Run, limit: float) -> int:
    """The images that a run will have seen after so many more seconds, at the rate of its reports so far.

    Raises `RunError` for a run without a report.
    """
    last, checkpoints = run.last_report(), run.checkpoints()
    seconds = seconds_in(run)
    if last is None or not seconds or not checkpoints:
        raise RunError(
            f"{run.path} was stopped before its first report, so that the images that more minutes allow are not "
            "known: resume it without --minutes, or give --images-seen."
        )
    rate = last["images_seen"] / seconds
    batch_size = int((run.record.get("plan") or {}).get("batch_size", 1))
    return checkpoints[-1].images_seen + images_in(limit, rate, batch_size)


def check_code_was_named(run: Run, options: TrainingOptions, training: dict[str, Any]) -> None:
    """Raise `RunError` for features that are code which the run's record names, and the user did not name now.

    A run may come from someone else, so that what only its record names is not run.
    """
    features = options.evaluate_features
    if options.evaluate_every is not None and "evaluate_features" not in training and runs_code(features):
        raise RunError(
            f"{run.path} was scored in the features {features!r}, which are code that would be run. If you trust it, "
            f"name it now: --evaluate-features {shlex.quote(features)} (evaluate_features={features!r} in Python). If "
            "not, give others, such as --evaluate-features random."
        )


def check_length(run: Run, model: Model, options: TrainingOptions) -> None:
    """Raise `RunError` for a length other than the run's, if the training has a schedule that depends on its length."""
    recorded = training_options(run)["images_seen"] or (run.record.get("plan") or {}).get("images_seen")
    if options.images_seen == recorded:
        return
    schedule = options.schedule if options.schedule != "recipe" else "own" if is_scheduled(model) else "constant"
    if schedule != "constant":
        raise RunError(
            f"images_seen is {recorded} in the run and {options.images_seen} now, but its {schedule} schedule ends at "
            "the number in the run. Only a training with a constant learning rate can be made longer (--images-seen, "
            "--minutes)."
        )


def with_recorded_pace(run: Run, plan: Plan) -> Plan:
    """The plan with what was measured when the run was new: the rate, and when reports and checkpoints are due."""
    recorded = run.record.get("plan") or {}
    rate = recorded.get("images_per_second")
    return dataclasses.replace(
        plan,
        images_per_second=rate if isinstance(rate, int | float) else None,
        pace=Pace.from_dict(recorded.get("pace")),
    )


def record_changes(run: Run, setting: Setting, plan: Plan | None) -> None:
    """Write the options that a resumed run was given now, such as more images, so that the next resume has them too."""
    record = run.record | {"options": dataclasses.asdict(setting.options)}
    if setting.consent:
        record["consent"] = list(setting.consent)
    if plan is not None:
        record["plan"] = plan_record(plan)
    if json.loads(json.dumps(record)) != run.record:
        run.rewrite(record)


def _format_value(value: Any) -> str:
    return size_text(value) if isinstance(value, list) and len(value) == 2 else str(value)
