"""The options of a training, the same for every model."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What `imagewright train` takes besides the model's own options. None: what the model's recipe recommends."""

    former_names: ClassVar[dict[str, str]] = {"average_half_life": "ema_half_life"}

    images_seen: int | None = Field(None, ge=1, le=10**12, description="images to train on, repeats counted")
    batch_size: int | None = Field(None, ge=1, le=2**20, description="images of one step, over all ranks together")
    micro_batch: int | None = Field(
        None, ge=1, le=2**20, description="images in memory at once: gradients of several are accumulated to one step"
    )
    learning_rate: float | None = Field(None, gt=0, le=100, description="of Adam")
    schedule: Literal["recipe", "constant", "linear", "cosine"] = Field(
        "recipe",
        description="of the learning rate: the model's own, constant, or falling to nothing at the last image",
    )
    warmup: int = Field(0, ge=0, le=10**12, description="images over which the learning rate rises from nothing")
    clip: float | None = Field(None, gt=0, description="largest norm of a network's gradient; none by default")
    ema_half_life: int | None = Field(
        None, ge=0, le=10**12, description="images over which half of the moving average is renewed; 0: no average"
    )
    resample: str | None = Field(
        None,
        pattern=r"^rare(:[0-9.]+)?$",
        description="rare, or rare:STRENGTH (0 to 1; 0.5): show pictures more often that lie where few others do",
    )
    held_out: int | None = Field(
        None,
        ge=0,
        le=100_000,
        description="pictures never trained on, for the doctor; a fiftieth (16 to 256) of 400 or more, else none",
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field("fp32", description="arithmetic of the networks")
    capture: bool = Field(
        False, description="record whole steps as CUDA graphs: faster for small pictures on a GPU; not with dropout"
    )
    compile: bool = Field(False, description="compile the networks with torch.compile (slow start, faster steps)")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="where to train")
    start: str | None = Field(
        None,
        description="a run, or one of its weights files, whose weights to start from if name and shape fit",
        json_schema_extra={"option": "--from"},
    )
    seed: int = Field(0, ge=0, le=2**62, description="of all that is random")
    report_every: int | None = Field(
        None, ge=1, le=10**12, description="images between two reports (losses and a sample grid); a 25th of all"
    )
    checkpoint_every: int | None = Field(
        None, ge=1, le=10**12, description="images between two checkpoints; a fifth of all"
    )
    keep_checkpoints: int = Field(3, ge=1, le=10_000, description="latest checkpoints to keep")
    evaluate_every: int | None = Field(
        None, ge=1, le=10**12, description="images between two evaluations, whose scores go to the log and the report"
    )
    evaluate_against: str | None = Field(None, description="real pictures for that; by default those of the training")
    evaluate_metrics: str = Field("fd,kd", description="what is computed then, parted by commas")
    evaluate_features: str = Field("inception", description="in which features: inception, random, pixels ...")
    evaluate_count: int = Field(2_000, ge=2, le=10**7, description="samples that are drawn for it")
    tensorboard: bool = Field(False, description="write TensorBoard's files into the run too (needs the extra `track`)")


# The options that a closed-form fit has: it makes no steps, and has no batches or rates.
OF_CLOSED_FORMS = ("seed", "device")

# What may differ when a run is resumed: where and how long it trains, not what it computes.
OF_EVALUATIONS = ("every", "against", "metrics", "features", "count")
MAY_DIFFER_ON_RESUME = (
    "images_seen",
    "device",
    "keep_checkpoints",
    "tensorboard",
    *(f"evaluate_{name}" for name in OF_EVALUATIONS),
)
