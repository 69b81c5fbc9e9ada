"""`imagewright train MODEL SOURCE`: one command for each model, built from its configuration when it is used."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Group, Parameter

from imagewright import catalogue
from imagewright.cli.examples import example_of
from imagewright.cli.options import make_option
from imagewright.cli.pictures import Decode, Exclude, Only, ValueRange
from imagewright.cli.values import LoadSize, Size
from imagewright.training.image_options import OF_IMAGES

app = App(
    name="train",
    help="Train a model on a set of images. `imagewright train MODEL --help` lists the options of that model.",
    usage="Usage: imagewright train MODEL SOURCE [OPTIONS]",
    help_format="plaintext",
    default_parameter=Parameter(negative=""),
)
app.group_commands = Group("Models", sort_key=0)
app.command(
    "imagewright.cli.commands.train_auto:auto",
    name="auto",
    help="the model that suits the pictures, the machine and the time, with the reasons",
    sort_key=-1,
    help_epilogue=example_of("train auto"),
)
for _place, _entry in enumerate(catalogue.entries().values()):
    app.command(
        f"{__name__}:{_entry.name}",
        name=_entry.name,
        help=_entry.summary,
        sort_key=_place,
        help_epilogue=example_of(f"train {_entry.name}", _entry.sources),
    )

IMAGE_OPTIONS = Group("Images", sort_key=1)
# Options that say what is known of pictures, where the sources do not say it themselves.
OF_PLAIN_PICTURES = ("image_layers", "layer_kinds", "labels", "label_column", "attributes", "split")
RUN_OPTIONS = Group("Run", sort_key=2)
TRAINING_OPTIONS = Group("Training", sort_key=4)


def __getattr__(name: str) -> Callable[..., None]:
    """The command of a model, named as in the import paths that are registered above."""
    if name.startswith("__") or name not in catalogue.entries():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return build_command(name)


def build_command(model: str) -> Callable[..., None]:
    """Build the function of `imagewright train MODEL`, whose parameters are the options of this model."""
    from imagewright.configs import DATA_FIELDS
    from imagewright.training.arranging import reads_domains, reads_pairs
    from imagewright.training.options import TrainingOptions

    owners: list[tuple[Group, Any]] = [
        (TRAINING_OPTIONS, TrainingOptions),
        (Group(f"Options of {model}", sort_key=3), catalogue.model_class(model).Config),
    ]
    options = {  # an option of the model replaces a training option of the same name, such as PCA's seed
        name: make_option(name, field, group)
        for group, owner in owners
        for name, field in owner.__pydantic_fields__.items()
        if name not in DATA_FIELDS
    }

    shared = dict(inspect.signature(shared_options).parameters)
    source = shared.pop("source")
    config_class = catalogue.model_class(model).Config
    possible = {"direction": reads_pairs(config_class), "domains": reads_domains(config_class)}
    possible |= dict.fromkeys(("consent", "oneself"), config_class.needs_consent)
    if config_class.source_help:
        possible |= dict.fromkeys(("domains", *OF_PLAIN_PICTURES), False)
    shared = {name: parameter for name, parameter in shared.items() if possible.get(name, True)}
    sources = _source_parameters(source, config_class)
    about = f"Train: {catalogue.entry_of(model).summary} ({catalogue.entry_of(model).paper})."
    return make_command(model, about, [*sources, *shared.values(), *options.values()])


def make_command(model: str, about: str, parameters: Sequence[inspect.Parameter]) -> Callable[..., None]:
    """The function of a command with these parameters, which cyclopts reads; it is here, where their types are known.

    model: its name in the catalogue, or "auto".
    """

    def command(*sources: str, **options: Any) -> None:
        train_and_tell(model, sources, options)

    command.__doc__ = about
    command.__signature__ = inspect.Signature(list(parameters))  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _source_parameters(source: inspect.Parameter, config_class: Any) -> list[inspect.Parameter]:
    """The arguments of the sources."""
    from imagewright.training.arranging import source_slots

    slots = source_slots(config_class)
    if len(slots) == 1 and slots[0].description is None:
        return [source]
    found = []
    for slot in slots:
        parameter = source.replace(name=slot.name)
        if slot.is_optional:
            described = Annotated[str | None, Parameter(help=slot.description)]
            parameter = parameter.replace(default=None, annotation=described)
        elif slot.description is not None:
            parameter = parameter.replace(annotation=Annotated[str, Parameter(help=slot.description)])
        found.append(parameter)
    return found


def shared_options(
    source: Annotated[
        str, Parameter(help="a folder, .zip, tar shards, IDX, .npz, a video, or a built-in set: digits, faces, shapes")
    ],
    /,
    *,
    size: Annotated[
        Size | None,
        Parameter(group=IMAGE_OPTIONS, help=OF_IMAGES["size"], metavar="SIZE"),
    ] = None,
    channels: Annotated[
        Literal[1, 3, 4] | None,
        Parameter(group=IMAGE_OPTIONS, help=OF_IMAGES["channels"]),
    ] = None,
    image_layers: Annotated[
        str | None,
        Parameter(
            group=IMAGE_OPTIONS,
            help=OF_IMAGES["image_layers"],
            metavar="NAMES",
        ),
    ] = None,
    layer_kinds: Annotated[
        str | None,
        Parameter(
            group=IMAGE_OPTIONS,
            help=OF_IMAGES["layer_kinds"],
            metavar="NAME=KIND",
        ),
    ] = None,
    direction: Annotated[
        Literal["AtoB", "BtoA"] | None,
        Parameter(group=IMAGE_OPTIONS, help=OF_IMAGES["direction"]),
    ] = None,
    domains: Annotated[
        str | None,
        Parameter(
            group=IMAGE_OPTIONS,
            help=OF_IMAGES["domains"],
            metavar="NAMES",
        ),
    ] = None,
    crop: Annotated[
        Literal["centre", "random", "none"],
        Parameter(
            group=IMAGE_OPTIONS,
            help=OF_IMAGES["crop"],
        ),
    ] = "centre",
    load_size: Annotated[
        LoadSize | None,
        Parameter(
            group=IMAGE_OPTIONS,
            help=OF_IMAGES["load_size"],
        ),
    ] = None,
    flip: Annotated[
        bool,
        Parameter(
            group=IMAGE_OPTIONS,
            negative="--no-flip",
            help=OF_IMAGES["flip"],
            show_default=False,
        ),
    ] = False,
    labels: Annotated[
        Path | None,
        Parameter(
            group=IMAGE_OPTIONS,
            help="a CSV, text or JSON file of labels; by default one in or beside the source, if there is any",
        ),
    ] = None,
    label_column: Annotated[
        str | None,
        Parameter(
            group=IMAGE_OPTIONS,
            help=OF_IMAGES["label_column"],
            metavar="NAME",
        ),
    ] = None,
    attributes: Annotated[
        str | None,
        Parameter(
            group=IMAGE_OPTIONS,
            help=OF_IMAGES["attributes"],
            metavar="NAMES",
        ),
    ] = None,
    split: Annotated[str | None, Parameter(group=IMAGE_OPTIONS, help=OF_IMAGES["split"])] = None,
    strict: Annotated[
        bool,
        Parameter(group=IMAGE_OPTIONS, help="stop at an unreadable picture instead of skipping it", show_default=False),
    ] = False,
    only: Only = (),
    exclude: Exclude = (),
    value_range: ValueRange = None,
    decode: Decode = None,
    no_cache: Annotated[
        bool,
        Parameter(
            group=IMAGE_OPTIONS,
            help="decode pictures whenever they are read: for sets larger than the disk",
            show_default=False,
        ),
    ] = False,
    consent: Annotated[
        tuple[str, ...],
        Parameter(
            group=RUN_OPTIONS,
            help='of the people whose faces are learned: "WHO; GIVEN BY; DATE", or a file that says so; once for each',
            metavar="TEXT|FILE",
            show_default=False,
        ),
    ] = (),
    oneself: Annotated[
        bool, Parameter(name="--self", group=RUN_OPTIONS, help="the faces are one's own", show_default=False)
    ] = False,
    out: Annotated[
        Path | None, Parameter(group=RUN_OPTIONS, help="the run directory; by default runs/MODEL-SOURCE")
    ] = None,
    resume: Annotated[bool, Parameter(group=RUN_OPTIONS, help="resume the run in --out", show_default=False)] = False,
    auto_resume: Annotated[
        bool,
        Parameter(group=RUN_OPTIONS, help="resume the run in --out if there is one, else begin it", show_default=False),
    ] = False,
    force: Annotated[bool, Parameter(group=RUN_OPTIONS, help="replace the run in --out", show_default=False)] = False,
    plan: Annotated[
        bool,
        Parameter(
            group=RUN_OPTIONS,
            help="do not train: say size, length, time and memory, measured by a few steps",
            show_default=False,
        ),
    ] = False,
    plan_file: Annotated[
        Path | None, Parameter(group=RUN_OPTIONS, help="do not train: write the plan as .json, and say it")
    ] = None,
    quiet: Annotated[bool, Parameter(group=RUN_OPTIONS, help="no progress, only errors", show_default=False)] = False,
) -> None:
    """The options of every model besides its configuration and the training options."""


def train_and_tell(model: str, sources: Sequence[str], options: dict[str, Any]) -> None:
    """Train, or say the plan.

    options: those that were typed alone; others have their defaults, or the values of a resumed run.
    """
    import imagewright
    from imagewright import distributed
    from imagewright.cli.progress import reporter
    from imagewright.cli.questions import ask_consent
    from imagewright.training.choosing import AUTO, name_images, needs_consent

    quiet = options.pop("quiet", False)
    if options.pop("no_cache", False):
        options["cache"] = False
    plan_file = options.pop("plan_file", None)
    only_plan = options.pop("plan", False) or plan_file is not None
    consent = [*options.pop("consent", ()), *(["self"] if options.pop("oneself", False) else [])]
    given = [source for source in sources if source is not None]
    images = given[0] if len(given) == 1 else name_images(model, tuple(given))
    if needs_consent(model, given) and not consent and not _may_resume(options) and not only_plan:
        consent = ask_consent("swap" if model == AUTO else model)
    if only_plan:
        _plan(model, images, options, plan_file, quiet=quiet)
        return
    with reporter(quiet=quiet) as chosen:
        run = imagewright.train(model, images, reporter=chosen, consent=consent, **options)
    if distributed.is_main():
        print(f"{run.path} {_trained(run)}: {run.path / 'report.html'} shows how it went.")


def _may_resume(options: dict[str, Any]) -> bool:
    return bool(options.get("resume") or options.get("auto_resume"))


def _plan(model: str, images: Any, options: dict[str, Any], file: Path | None, *, quiet: bool) -> None:
    """Say what the training would be, and write it."""
    import imagewright
    from imagewright import distributed
    from imagewright.cli.progress import reporter
    from imagewright.errors import ConfigError
    from imagewright.files import write_whole
    from imagewright.output.writing import check_suffix

    for name in ("resume", "auto_resume", "force", "out"):
        if options.pop(name, None) and name.endswith("resume"):
            raise ConfigError("--plan is of a new training, and --resume goes on with one: give one of them.")
    if file is not None:
        check_suffix(file, [".json"])
    with reporter(quiet=quiet) as chosen:
        forecast = imagewright.plan_training(model, images, reporter=chosen, **options)
    if distributed.is_main():
        if file is not None:
            write_whole(file, json.dumps(forecast.to_dict(), indent=2) + "\n")
        print(forecast)


def _trained(run: Any) -> str:
    """How far a training that ended by itself came: "is trained", or "is trained on 3,536 of 4,912 images"."""
    plan, latest = run.record.get("plan"), run.checkpoints()
    if not plan or not latest:
        return "is trained"
    seen, planned = latest[-1].images_seen, plan["images_seen"]
    return "is trained" if seen >= planned else f"is trained on {seen:,} of {planned:,} images, as the time was over"
