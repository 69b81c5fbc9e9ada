"""One step of training: the phases that are due, each with its gradients, averaged over ranks, and its update.

The only `backward` in the package. Nothing in a step waits for the device: losses are summed where they are, and read
when a report is due.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from imagewright import distributed
from imagewright.model import Model
from imagewright.phases import Draws, Phase, Step
from imagewright.pixels import to_float
from imagewright.seeds import derive_seed
from imagewright.training.averaging import Averages
from imagewright.training.doctor.gradient_norms import GradientNorms, total_norm
from imagewright.training.optimisation import optimizer_of, rate_factor

if TYPE_CHECKING:
    from imagewright.images import Batch

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Plan:
    """The numbers of a training, the recipe's where the user gave none."""

    images_seen: int
    batch_size: int  # over all ranks
    micro_batch: int  # in memory at once, on one rank
    learning_rate: float
    betas: tuple[float, float]
    schedule: str
    warmup: int
    clip: float | None
    ema_half_life: int
    precision: str
    seed: int
    rates: dict[str, float] = field(default_factory=dict)  # what a network's learning rate is multiplied by

    @property
    def rows(self) -> range:
        """The rows of the global batch that this rank trains on."""
        share = self.batch_size // distributed.world_size()
        return range(distributed.rank() * share, (distributed.rank() + 1) * share)


class Engine:
    """A model with its optimizers and averages, moved step by step."""

    def __init__(self, model: Model, plan: Plan, device: torch.device) -> None:
        self.model, self.plan, self.device = model, plan, device
        self.phases = model.phases()
        self.networks: dict[str, nn.Module] = {
            name: model.get_submodule(name) for phase in self.phases for name in phase.updates
        }
        self.optimizers = {
            name: optimizer_of(network, name, self.phases, plan.learning_rate * plan.rates.get(name, 1.0), plan.betas)
            for name, network in self.networks.items()
        }
        self.averages = Averages(model, model.averaged, plan.ema_half_life)
        # Losses in half precision can leave its range: the scaler skips such steps and lowers its scale by itself.
        self.scaler = torch.amp.GradScaler(device.type, enabled=plan.precision == "fp16")
        self.generator = torch.Generator(device=device)
        self.sums: dict[str, Tensor] = {}
        self.weights: dict[str, float] = {}
        self.gradient_norms = GradientNorms()
        self._released: tuple[str, ...] | None = None

    def step(self, batch: Batch, index: int, images_seen: int) -> None:
        """Train on one batch: this rank's rows of the global one, uint8."""
        self.model.advance(images_seen)
        self._set_rates(images_seen)
        steps = self._micro_steps(batch, index, images_seen)
        for phase in self.phases:
            if index % phase.every == 0:
                self._run(phase, steps)
        self.averages.update(images_seen + self.plan.batch_size, self.plan.batch_size)

    def losses(self) -> dict[str, float]:
        """The mean of each term, `"phase/term"`, since the last call, over all ranks. Waits for the device."""
        if not self.sums:
            return {}
        names = list(self.sums)
        means = torch.stack([self.sums[name].float() / self.weights[name] for name in names])
        distributed.average_([means])
        self.sums, self.weights = {}, {}
        return dict(zip(names, means.tolist(), strict=True))

    def synchronise_buffers(self) -> None:
        """Make running statistics, which each rank gathers from its own images, the same on all: their mean."""
        if distributed.world_size() > 1:
            distributed.average_(buffer for buffer in self.model.buffers() if buffer.is_floating_point())
            for copied in self.averages.copies.values():
                distributed.average_(buffer for buffer in copied.buffers() if buffer.is_floating_point())

    def rates(self) -> dict[str, float]:
        """The learning rate of each network now."""
        return {name: float(optimizer.param_groups[0]["lr"]) for name, optimizer in self.optimizers.items()}

    def _set_rates(self, images_seen: int) -> None:
        plan = self.plan
        if plan.schedule == "constant" and not plan.warmup:
            return
        factor = rate_factor(plan.schedule, images_seen, plan.images_seen, plan.warmup)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor

    def _micro_steps(self, batch: Batch, index: int, images_seen: int) -> list[Step]:
        images = to_float(batch.images.to(self.device, non_blocking=True))
        labels, attributes = (
            None if tensor is None else tensor.to(self.device, non_blocking=True)
            for tensor in (batch.labels, batch.attributes)
        )
        size, first = self.plan.micro_batch, self.plan.rows.start
        return [
            Step(
                images=images[start : start + size],
                labels=None if labels is None else labels[start : start + size],
                attributes=None if attributes is None else attributes[start : start + size],
                index=index,
                images_seen=images_seen,
                draws=Draws(self.generator, self.plan.batch_size, first + start, len(images[start : start + size])),
            )
            for start in range(0, len(images), size)
        ]

    def _run(self, phase: Phase, steps: list[Step]) -> None:
        self._release(phase.updates)
        # Each network's gradients start from none: another phase may have left its own.
        for name in phase.updates:
            self.optimizers[name].zero_grad(set_to_none=True)
        rows = sum(len(step.images) for step in steps)
        moved = False
        for step in steps:
            # The same seed for each micro-batch: all draw for the whole batch, and cut out their own rows.
            self.generator.manual_seed(derive_seed(self.plan.seed, "step", step.index, phase.name))
            with torch.autocast(
                self.device.type, PRECISIONS[self.plan.precision], enabled=self.plan.precision != "fp32"
            ):
                terms = phase.loss(step)
            if terms:
                moved = True
                weight = len(step.images) / rows
                loss = torch.stack([term.float() for term in terms.values()]).sum() * weight
                self.scaler.scale(loss * phase.every if phase.lazy else loss).backward()
                self._log(phase, terms, weight)
        if moved:
            self._update(phase)

    def _update(self, phase: Phase) -> None:
        optimizers = [self.optimizers[name] for name in phase.updates]
        parameters = [p for name in phase.updates for p in self.networks[name].parameters() if p.grad is not None]
        distributed.average_(p.grad for p in parameters if p.grad is not None)
        for optimizer in optimizers:
            self.scaler.unscale_(optimizer)
        self.gradient_norms.add(phase.name, [self._bounded(name) for name in phase.updates])
        for optimizer in optimizers:
            self.scaler.step(optimizer)
        self.scaler.update()

    def _bounded(self, name: str) -> Tensor:
        """The norm of a network's gradient before it is clipped, where it is to be."""
        parameters = self.networks[name].parameters()
        if self.plan.clip is None:
            return total_norm(parameters).to(self.device)
        return nn.utils.clip_grad_norm_(parameters, self.plan.clip, foreach=True)

    def _release(self, updates: tuple[str, ...]) -> None:
        """Let gradients reach the networks of this phase only: for the held ones, none is computed."""
        if self._released == updates:
            return
        for name, network in self.model.named_children():
            network.requires_grad_(name in updates)
        self._released = updates

    def _log(self, phase: Phase, terms: dict[str, Tensor], weight: float) -> None:
        for name, term in terms.items():
            key = f"{phase.name}/{name}"
            value = term.detach() * weight
            self.sums[key] = self.sums[key] + value if key in self.sums else value
            self.weights[key] = self.weights.get(key, 0.0) + weight
