"""The options of a training, the same for every model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from imagewright.errors import ConfigError

LONGEST_PATIENCE = 86_400  # seconds


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """The options of a training, besides those of the model. None: the model's recipe decides.

    The description of each field says what it does, and its default if that is None.
    """

    former_names: ClassVar[dict[str, str]] = {"average_half_life": "ema_half_life"}

    images_seen: int | None = Field(
        None, ge=1, le=10**12, description="images to train on, repeats counted; by default what --minutes allows"
    )
    minutes: float | None = Field(
        None,
        gt=0,
        le=10**6,
        description="how long to train, instead of a number of images, at the rate measured at the start; by default "
        "10 on a CPU and 60 on a GPU, or less if the recipe ends before",
    )
    defaults: Literal["auto", "published"] = Field(
        "auto",
        description="options that are not given: chosen for the pictures, the machine and the time, or the papers'",
    )
    batch_size: int | None = Field(
        None, ge=1, le=2**20, description="images of one step, over all ranks together; by default the recipe's"
    )
    micro_batch: int | None = Field(
        None,
        ge=1,
        le=2**20,
        description="images in memory at once, by default the batch; gradients of micro-batches add up to one step",
    )
    learning_rate: float | None = Field(
        None, gt=0, le=100, description="of the optimizer at the start; by default the recipe's"
    )
    schedule: Literal["recipe", "constant", "linear", "cosine"] = Field(
        "recipe",
        description="of the learning rate: the model's own, constant, or falling to 0 at the last image",
    )
    warmup: int = Field(0, ge=0, le=10**12, description="images over which the learning rate rises from 0")
    clip: float | None = Field(None, gt=0, description="largest norm of a network's gradient; none by default")
    ema_half_life: int | None = Field(
        None,
        ge=0,
        le=10**12,
        description="images over which half of the moving average is renewed; 0: no average; by default the recipe's",
    )
    resample: str | None = Field(
        None,
        pattern=r"^rare(:[0-9.]+)?$",
        description="rare, or rare:STRENGTH (0 to 1; 0.5): sample pictures in sparse regions of latents more often",
    )
    held_out: int | None = Field(
        None,
        ge=0,
        le=100_000,
        description="pictures never trained on, for the doctor; a fiftieth (16 to 256) of 400 or more, else none",
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="arithmetic of the networks; auto: bf16 if it is measured to be faster here, else fp32"
    )
    capture: bool = Field(
        False, description="record whole steps as CUDA graphs: faster for small pictures on a GPU; not with dropout"
    )
    compile: bool = Field(False, description="compile the networks with torch.compile (slow start, faster steps)")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="where to train; auto: a GPU if any")
    start: str | None = Field(
        None,
        description="RUN@400k: a branch of a run at that checkpoint, with its options; RUN, or a weights file: start "
        "from the weights whose name and shape are the same",
        json_schema_extra={"option": "--from"},
    )
    seed: int = Field(0, ge=0, le=2**62, description="of all random numbers")
    report_every: int | None = Field(
        None,
        ge=1,
        le=10**12,
        description="images between two reports (losses and a sample grid); by default after seconds, then ever more "
        "rarely",
    )
    checkpoint_every: int | None = Field(
        None,
        ge=1,
        le=10**12,
        description="images between two checkpoints; by default within a minute, then ever more rarely",
    )
    keep_checkpoints: int = Field(3, ge=1, le=10_000, description="number of checkpoints to keep: the latest ones")
    evaluate_every: int | None = Field(
        None, ge=1, le=10**12, description="images between two evaluations; their scores go to the log and the report"
    )
    evaluate_against: str | None = Field(
        None, description="real pictures for evaluations; by default those of the training"
    )
    evaluate_metrics: str = Field("fd,kd", description="metrics of evaluations, separated by commas")
    evaluate_features: str = Field("inception", description="features of evaluations: inception, random, pixels ...")
    evaluate_count: int = Field(2_000, ge=2, le=10**7, description="pictures sampled for an evaluation")
    rank_timeout: int = Field(
        120,
        ge=1,
        le=LONGEST_PATIENCE,
        description="seconds that ranks wait for one that hangs, before all end with an error",
        json_schema_extra={"unit": "seconds"},
    )
    tensorboard: bool = Field(False, description="write TensorBoard's files into the run too (needs the extra `track`)")


# The options that have an effect on a closed-form fit, which has no steps, batches or learning rates.
CLOSED_FORM_OPTIONS = ("seed", "device")

# The options that may differ when a run is resumed: they change where and how long it trains, not what it computes.
EVALUATION_OPTIONS = ("every", "against", "metrics", "features", "count")
MAY_DIFFER_ON_RESUME = (
    "images_seen",
    "minutes",
    "device",
    "keep_checkpoints",
    "tensorboard",
    "rank_timeout",
    *(f"evaluate_{name}" for name in EVALUATION_OPTIONS),
)


def rank_patience(options: Mapping[str, Any]) -> float:
    """Seconds that ranks wait for one that hangs, by the options that the user gave, before they are all checked.

    Raises `ConfigError` for a value that is no such number.
    """
    value = options.get("rank_timeout", TrainingOptions.rank_timeout)
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 1 <= seconds <= LONGEST_PATIENCE:
        raise ConfigError(f"rank_timeout={value!r}: seconds from 1 to {LONGEST_PATIENCE:,} were expected, such as 120.")
    return seconds
