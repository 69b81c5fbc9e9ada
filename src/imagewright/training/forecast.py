"""`plan_training`: what a training would be, before it is started: size, length, time and memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from imagewright import catalogue, distributed
from imagewright.consent import SELF
from imagewright.counts import minutes_text
from imagewright.errors import ImagewrightError, count_text
from imagewright.images import Images
from imagewright.machine import total_memory
from imagewright.notebooks import NotebookDisplay
from imagewright.pixels import size_text
from imagewright.statistics.spectra import DEFAULT_COMPONENTS
from imagewright.training.assembling import Assembled, assemble
from imagewright.training.choosing import settle_model, with_chosen
from imagewright.training.data.validation_split import choose_held_out
from imagewright.training.device import CPU
from imagewright.training.fit_forecast import FitForecast, forecast_fit
from imagewright.training.joining import check_settings
from imagewright.training.memory import explain_out_of_memory
from imagewright.training.memory_use import MemoryUse, gather_memory, measure_memory, memory_text, with_peak_before
from imagewright.training.options import rank_patience
from imagewright.training.plan import Plan
from imagewright.training.planning import SHARE_OF_STEPS, describe_end
from imagewright.training.reporting import Reporter, Silent
from imagewright.training.setting import split_options
from imagewright.training.tracking import check_tensorboard
from imagewright.training.train import resolve
from imagewright.training.trial import run_trial


@dataclass(frozen=True)
class TrainingForecast(NotebookDisplay):
    """What a training would be. Printed, it is a few lines.

    model: its name in the catalogue.
    pictures: of each source, by its name.
    size: (height, width) at which it trains.
    channels: of the pictures.
    parameters: of all its networks.
    options: options of the training and of the model that it would have, by name.
    images_seen: the length, repeats counted; None for a model fitted in closed form, as the three below.
    batch_size: images of a step, over all ranks together.
    precision: fp32, bf16 or fp16.
    images_per_second: of all ranks together, measured by a few steps of a copy.
    seconds: of the whole training, or of the fit; None if it is not known, as for a model of another package that does
        not count its work.
    memory_bytes: at the peak, on one rank: of the GPU if it trains on one, else of the process.
    memory_of_machine: bytes at the peak of all ranks on this machine.
    memory_available: of the GPU, or of the machine.
    ranks: processes that train together under `torchrun`.
    pictures_measured: of a fit in closed form, those that a copy of the model was fitted to; 0 if its time and memory
        are counted from the sizes alone.
    device: where it trains.
    notes: what was chosen and what is wrong with the pictures, as a training says it.
    """

    model: str
    pictures: dict[str, int]
    size: tuple[int, int]
    channels: int
    parameters: int
    options: dict[str, Any]
    device: str
    memory_available: int
    images_seen: int | None = None
    batch_size: int | None = None
    precision: str | None = None
    images_per_second: float | None = None
    seconds: float | None = None
    memory_bytes: int | None = None
    memory_of_machine: int | None = None
    ranks: int = 1
    pictures_measured: int | None = None
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The forecast for people."""
        counts = " and ".join(count_text(count, "picture") for count in self.pictures.values())
        weights = f" of {self.parameters:,} parameters" if self.parameters else ""
        lines = [f"{self.model}{weights} on {counts} of {size_text(self.size)}"]
        if self.images_seen is None or self.batch_size is None:
            return [*lines, *self._lines_of_fit()]
        rounds = self.images_seen / max(1, *self.pictures.values())
        several = self.ranks > 1
        shared = f", {self.batch_size // self.ranks:,} on each of {self.ranks:,} ranks" if several else ""
        lines.append(
            f"length: {self.images_seen:,} images, each picture {rounds:,.1f} times; "
            f"{self.batch_size:,} images a step{shared}"
        )
        if self.seconds is not None and self.images_per_second is not None:
            rate = self.images_per_second
            shown = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
            of_all = " of all ranks together" if several else ""
            lines.append(
                f"time: {_time_text(self.seconds)} at {shown} images a second{of_all} in {self.precision}, "
                f"until about {describe_end(self.seconds)} if it starts now"
            )
        return [*lines, *self._lines_of_memory()]

    def _lines_of_fit(self) -> list[str]:
        """The length, the time and the memory of a fit in closed form."""
        if self.seconds is None or self.pictures_measured is None:
            return ["fitted in closed form, without steps: its time and memory are not known beforehand"]
        pictures = sum(self.pictures.values())
        how = f"measured by fits to {self.pictures_measured:,} pictures and fewer"
        if self.pictures_measured == pictures:
            how = "measured by a fit to all pictures"
        elif not self.pictures_measured:
            how = "counted by the sizes, not measured, as a fit to a share of the pictures would take long"
        return [
            f"length: fitted in closed form, without steps; {how}",
            f"time: about {_time_text(self.seconds)}, until about {describe_end(self.seconds)} if it starts now",
            *self._lines_of_memory(),
        ]

    def _lines_of_memory(self) -> list[str]:
        if self.memory_bytes is None or self.memory_of_machine is None:
            return []
        return [f"memory: {memory_text(MemoryUse(self.memory_bytes, self.memory_of_machine), self.device)}"]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return dataclasses.asdict(self) | {"size": list(self.size), "notes": list(self.notes)}

    def __repr__(self) -> str:
        return "\n".join([*self.lines(), *self.notes])


def _time_text(seconds: float) -> str:
    """
    >>> _time_text(0.2), _time_text(41.7), _time_text(5_000)
    ('1 second', '42 seconds', '83 minutes')
    """
    if seconds >= 90:
        return minutes_text(float(f"{seconds / 60:.2g}"))
    return count_text(max(1, round(seconds)), "second")


class _Listening(Silent):
    """Keeps the sentences, and passes on the progress of the preparation; the sentences too if the plan is refused."""

    def __init__(self, reporter: Reporter) -> None:
        self.said: list[str] = []
        self._reporter = reporter

    def preparing(self, done: int, total: int) -> None:
        self._reporter.preparing(done, total)

    def message(self, text: str) -> None:
        self.said.append(text)

    @contextmanager
    def explaining_refusals(self) -> Iterator[None]:
        """Within the block, an error comes after what was chosen until then, as in a training."""
        try:
            yield
        except ImagewrightError:
            for text in self.said:
                self._reporter.message(text)
            raise

    def tell(self, text: str) -> None:
        """Show a sentence of what is being done now, which is no part of the plan."""
        self._reporter.message(text)


def plan_training(
    model: str, images: Any, *, reporter: Reporter | None = None, consent: Any = None, **options: Any
) -> TrainingForecast:
    """What `iw.train(model, images, **options)` would do, without a run: size, options, length, time, memory.

    Pictures are decoded into the cache, where the training finds them; a few steps of a copy of the model are timed.

    With `torchrun`, every rank makes the same call.

    model: its name in the catalogue, or "auto".
    images: as for `iw.train`.
    reporter: shows the progress of the decoding, and says what is measured if that takes some seconds; before a refusal
        also what was chosen until then.
    consent: as for `iw.train`. A plan learns nobody's face, and needs none.
    options: as for `iw.train`.

    Raises `UserError` as `iw.train` does: also for a step that cannot fit in memory, with the images at once that can.
    """
    listening = _Listening(reporter if reporter is not None and distributed.is_main() else Silent())
    device = distributed.choose_device(options.get("device", "auto"))
    patience = rank_patience(options)
    with distributed.process_group(device.type, patience), listening.explaining_refusals(), explain_out_of_memory():
        model, images, chosen = settle_model(model, images, options, None, listening.message)
        training, of_model, opening = split_options(model, with_chosen(options, chosen))
        agreed = consent or (SELF if catalogue.model_class(model).Config.needs_consent else None)
        setting = resolve(
            model,
            images,
            None,
            training,
            of_model,
            device,
            listening,
            opening=opening,
            resume=False,
            force=False,
            consent=agreed,
        )
        check_settings(model, setting)
        if setting.options.tensorboard:
            check_tensorboard()
        assembled = assemble(model, setting, None, device, listening)
        forecast = _describe(model, assembled, device)
        if assembled.plan is None:
            measured = _measure_fit(assembled, listening)
        else:
            measured = _measure(assembled, assembled.plan, device)
        forecast = dataclasses.replace(forecast, **measured)
    return dataclasses.replace(forecast, notes=tuple(listening.said))


def _describe(name: str, assembled: Assembled, device: torch.device) -> TrainingForecast:
    setting = assembled.setting
    chosen = dataclasses.asdict(setting.options) | dataclasses.asdict(setting.config)
    return TrainingForecast(
        model=name,
        pictures={source: len(images) for source, images in setting.sources.items()},
        size=setting.config.size,
        channels=setting.config.channels,
        parameters=sum(each.numel() for each in assembled.model.parameters()),
        options=chosen,
        device=device.type,
        memory_available=total_memory(device),
        ranks=distributed.world_size(),
    )


def _measure(assembled: Assembled, plan: Plan, device: torch.device) -> dict[str, Any]:
    """Rate, time and memory of a training by steps."""
    model, sources = assembled.model, assembled.setting.sources
    held_out = choose_held_out(assembled.setting.options.held_out, len(assembled.setting.images), plan.seed)
    if plan.images_per_second is None:
        plan = dataclasses.replace(plan, images_per_second=_rate(model, sources, plan, held_out, device))
    rate = plan.images_per_second
    of_steps = measure_memory(model, sources, plan, held_out, device)
    before = assembled.initialised
    memory = gather_memory(with_peak_before(of_steps, before.memory, device))
    return {
        "images_seen": plan.images_seen,
        "batch_size": plan.batch_size,
        "precision": plan.precision,
        "images_per_second": rate,
        "seconds": None if not rate else before.seconds + plan.images_seen / rate / SHARE_OF_STEPS,
        "memory_bytes": memory.of_rank,
        "memory_of_machine": memory.of_machine,
    }


def _measure_fit(assembled: Assembled, listening: _Listening) -> dict[str, Any]:
    """Time and memory of a fit in closed form."""
    found = forecast_fit(assembled.model, assembled.setting.images, listening.tell)
    if found is None:
        return {}
    if share := getattr(assembled.setting.config, "explained", None):
        listening.message(_components_words(share, found))
    memory = gather_memory(found.memory)
    return {
        "seconds": found.seconds,
        "device": CPU.type,  # whatever was chosen
        "memory_available": total_memory(CPU),
        "memory_bytes": memory.of_rank,
        "memory_of_machine": memory.of_machine,
        "pictures_measured": found.pictures,
    }


def _components_words(share: float, found: FitForecast) -> str:
    """How many components memory and time were counted for, where a share of the variance decides."""
    if found.components is None:
        return f"explained={share:g}: how many components these are is not known; {DEFAULT_COMPONENTS} are counted."
    of_all = ", and of all pictures may be more" if found.pictures < found.of else ""
    return (
        f"explained={share:g}: of {count_text(found.pictures, 'picture')} these are "
        f"{count_text(found.components, 'component')}{of_all}."
    )


def _rate(
    model: Any, sources: Mapping[str, Images], plan: Plan, held_out: np.ndarray, device: torch.device
) -> float | None:
    trial = run_trial(model, sources, plan, held_out, device, [plan.precision])
    return None if trial is None else trial.rates[plan.precision]
