"""One step of training: the phases that are due, each with its gradients, averaged over ranks, and its update.

The only `backward` in the package. Nothing in a step waits for the device: losses are summed where they are, and read
when a report is due.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from imagewright import distributed
from imagewright.model import Model
from imagewright.phases import Draws, Phase, Rows, Step
from imagewright.pixels import to_float
from imagewright.recipe import Optimizer
from imagewright.seeds import derive_seed
from imagewright.training.averaging import Averages
from imagewright.training.doctor.gradient_norms import GradientNorms, total_norm
from imagewright.training.observed import Observed
from imagewright.training.optimisation import build_optimizer, lazy_correction, restart, set_numbers
from imagewright.training.plan import Plan, Schedule

if TYPE_CHECKING:
    from imagewright.images import Batch
    from imagewright.training.capture import CapturedSteps

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# Their running statistics follow from a rank's own images, so that ranks differ until they are averaged.
NORMS = (nn.modules.batchnorm._NormBase,)


class Engine:
    """A model with its optimizers and averages, moved step by step."""

    def __init__(self, model: Model, plan: Plan, device: torch.device) -> None:
        self.model, self.plan, self.device = model, plan, device
        self.schedule = Schedule(model, plan)
        self.phases = model.phases()
        self.networks = networks_of(model, self.phases)
        self._point = self.schedule.point(0)
        self._numbers = {name: self.schedule.optimizer(name, 0) for name in self.networks}
        self._corrections = {name: lazy_correction(name, self.phases) for name in self.networks}
        self.optimizers = {
            name: build_optimizer(network, self._numbers[name], self._corrections[name], capturable=plan.capture)
            for name, network in self.networks.items()
        }
        self.averages = Averages(model, model.averaged, self.schedule.average(0))
        # Losses in half precision can leave its range: the scaler skips such steps and lowers its scale by itself.
        self.scaler = torch.amp.GradScaler(device.type, enabled=plan.precision == "fp16")
        self.generator = torch.Generator(device=device)
        self.sums: dict[str, Tensor] = {}
        self.weights: dict[str, float] = {}
        self.gradient_norms = GradientNorms()
        model.requires_grad_(False)
        self._released: tuple[str, ...] = ()
        self._captured: CapturedSteps | None = None
        if plan.capture:
            from imagewright.training.capture import CapturedSteps

            self._captured = CapturedSteps(self)

    def step(self, batches: Mapping[str, Batch], index: int, images_seen: int) -> None:
        """Train on one batch of each feed: this rank's rows of the global ones, as the images give them (uint8)."""
        clock = self.schedule.clock(images_seen)
        restarted = self.model.advance(clock)
        for name in restarted:
            restart(self.optimizers[name])
        changed = self._set_numbers(images_seen)
        due = [phase for phase in self.phases if phase.is_due(index, clock)]
        steps = self._micro_steps(batches, index, images_seen)
        if self._captured is not None:
            observed = self._captured.run(due, steps, anew=changed or bool(restarted))
        else:
            observed = self.run_phases(due, steps)
        self._note(observed)
        rows = self.schedule.batch_size(images_seen)
        if self.averages.networks:
            self.averages.update(images_seen + rows, rows, self.schedule.average(images_seen))

    def losses(self) -> dict[str, float]:
        """The mean of each term, `"phase/term"`, since the last call, over all ranks. Waits for the device."""
        if not self.sums:
            return {}
        names = list(self.sums)
        means = torch.stack([self.sums[name].float() / self.weights[name] for name in names])
        distributed.average_([means])
        self.sums, self.weights = {}, {}
        return dict(zip(names, means.tolist(), strict=True))

    def synchronise_statistics(self) -> None:
        """Make the running statistics of norm layers, which each rank gathers from its own images, their mean."""
        if distributed.world_size() > 1:
            for network in (self.model, *self.averages.copies.values()):
                distributed.average_(running_statistics(network))

    def rates(self) -> dict[str, float]:
        """The learning rate of each network now."""
        return {name: float(optimizer.param_groups[0]["lr"]) for name, optimizer in self.optimizers.items()}

    def run_phases(self, due: list[Phase], steps: list[Step], *, seeded: bool = True) -> Observed:
        """The updates of the phases that are due. `seeded`: False where the draws of the steps are made already."""
        observed = Observed()
        for phase in due:
            self._run(phase, steps, observed, seeded=seeded)
        return observed

    def seed(self, phase: Phase, step: Step) -> None:
        """Seed the random numbers that a phase's loss samples in a micro-batch.

        `Draws` gets the same seed in each micro-batch: all sample for the whole batch and take their own rows. Layers
        that sample by themselves (dropout) use torch's generators, seeded by the first row: a resumed run repeats them.
        """
        seed = derive_seed(self.plan.seed, "step", step.index, phase.name)
        self.generator.manual_seed(seed)
        seed_layers(self.device, derive_seed(seed, "layers", step.draws.first_row))

    def _set_numbers(self, images_seen: int) -> bool:
        """Give the optimizers the numbers of this point. Returns whether one other than a rate has changed."""
        point = self.schedule.point(images_seen)
        if point == self._point:  # the usual case: nothing is scheduled here
            return False
        self._point, changed = point, False
        for name, optimizer in self.optimizers.items():
            numbers, before = self.schedule.optimizer(name, images_seen), self._numbers[name]
            if numbers != before:
                changed = changed or not _equal_but_rate(numbers, before)
                set_numbers(optimizer, numbers, self._corrections[name])
                self._numbers[name] = numbers
        return changed

    def _micro_steps(self, batches: Mapping[str, Batch], index: int, images_seen: int) -> list[Step]:
        feeds = self.model.feeds
        first, *others = feeds
        moved = {name: batches[name].map(lambda part: part.to(self.device, non_blocking=True)) for name in feeds}
        rows = {name: as_rows(batch) for name, batch in moved.items()}
        total, start_row = self.schedule.batch_size(images_seen), self.schedule.rows(images_seen).start
        count, size = len(rows[first].images) // feeds[first].repeats, self.plan.micro_batch
        steps = []
        for start in range(0, count, size):
            stop = min(start + size, count)
            cut = {name: _cut(rows[name], start, stop, feeds[name].repeats) for name in feeds}
            steps.append(
                Step(
                    **vars(cut[first]),
                    index=index,
                    images_seen=images_seen,
                    draws=Draws(self.generator, total, start_row + start, stop - start),
                    feeds={name: cut[name] for name in others},
                )
            )
        return steps

    def _run(self, phase: Phase, steps: list[Step], observed: Observed, *, seeded: bool) -> None:
        self._release(phase.updates)
        # Each network's gradients start from none: another phase may have left its own.
        for name in phase.updates:
            self.optimizers[name].zero_grad(set_to_none=True)
        rows = sum(step.draws.rows for step in steps)
        moved = False
        for step in steps:
            if seeded:
                self.seed(phase, step)
            with torch.autocast(
                self.device.type,
                PRECISIONS[self.plan.precision],
                enabled=self.plan.precision != "fp32",
                cache_enabled=self._captured is None,
            ):
                terms = phase.loss(step)
            if terms:
                moved = True
                weight = step.draws.rows / rows
                loss = torch.stack([term.float() for term in terms.values()]).sum() * weight
                self.scaler.scale(loss * phase.every if phase.lazy else loss).backward()
                observed.add_terms(phase.name, terms, weight)
        if moved:
            self._update(phase, observed)

    def _update(self, phase: Phase, observed: Observed) -> None:
        optimizers = [self.optimizers[name] for name in phase.updates]
        parameters = [p for name in phase.updates for p in self.networks[name].parameters() if p.grad is not None]
        distributed.average_(p.grad for p in parameters if p.grad is not None)
        for optimizer in optimizers:
            self.scaler.unscale_(optimizer)
        observed.norms.append((phase.name, [self._clipped_norm(name) for name in phase.updates]))
        for optimizer in optimizers:
            self.scaler.step(optimizer)
        self.scaler.update()

    def _clipped_norm(self, name: str) -> Tensor:
        """The norm of a network's gradient, measured before it is clipped, if it is."""
        parameters, clip = self.networks[name].parameters(), self._numbers[name].clip
        if clip is None:
            return total_norm(parameters).to(self.device)
        return nn.utils.clip_grad_norm_(parameters, clip, foreach=True)

    def _release(self, updates: tuple[str, ...]) -> None:
        """Let gradients reach the networks of this phase only: for the held ones, none is computed."""
        if self._released == updates:
            return
        for name in self._released:
            self.networks[name].requires_grad_(False)
        for name in updates:
            self.networks[name].requires_grad_(True)
        self._released = updates

    def _note(self, observed: Observed) -> None:
        for key, value, weight in observed.terms:
            self.sums[key] = self.sums[key] + value if key in self.sums else value
            self.weights[key] = self.weights.get(key, 0.0) + weight
        for phase, norms in observed.norms:
            self.gradient_norms.add(phase, norms)


def seed_layers(device: torch.device, seed: int) -> None:
    """Seed torch's own generators of the CPU and of one device. `torch.manual_seed` takes half a millisecond."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def networks_of(model: Model, phases: list[Phase]) -> dict[str, nn.Module]:
    """The sub-modules that phases update, by the names that the phases give them.

    Raises `ValueError` if two of the names overlap: one optimizer would move the other's weights.
    """
    names = list(dict.fromkeys(name for phase in phases for name in phase.updates))
    for name in names:
        inside = next((other for other in names if other.startswith(f"{name}.")), None)
        if inside is not None:
            raise ValueError(
                f"phases of {type(model).__name__} update {name!r} and {inside!r}, which is a part of it: the names in "
                "`Phase.updates` must be equal or name disjoint sub-modules, so name the parts in both phases."
            )
    return {name: model.get_submodule(name) for name in names}


def running_statistics(network: nn.Module) -> list[Tensor]:
    """Means and variances that the norm layers of a network gather in training."""
    norms = [module for module in network.modules() if isinstance(module, NORMS)]
    statistics = [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)]
    return [buffer for buffer in statistics if buffer is not None]


def _equal_but_rate(one: Optimizer, other: Optimizer) -> bool:
    return {**vars(one), "learning_rate": 0} == {**vars(other), "learning_rate": 0}


def as_rows(batch: Batch) -> Rows:
    """uint8 pictures as floats in [-1, 1]; label maps and instance ids stay whole numbers."""
    images = to_float(batch.images)

    def layer_values(layer: Tensor) -> Tensor:
        if layer is batch.images:
            return images
        return to_float(layer) if layer.dtype == torch.uint8 else layer

    layers = {name: layer_values(layer) for name, layer in batch.layers.items()}
    return Rows(images=images, labels=batch.labels, attributes=batch.attributes, layers=layers)


def _cut(rows: Rows, start: int, stop: int, repeats: int) -> Rows:
    """Rows `start` to `stop` of a feed that gives `repeats` images a row."""
    chosen = slice(start * repeats, stop * repeats)
    return Rows(
        images=rows.images[chosen],
        labels=None if rows.labels is None else rows.labels[chosen],
        attributes=None if rows.attributes is None else rows.attributes[chosen],
        layers={name: layer[chosen] for name, layer in rows.layers.items()},
    )
