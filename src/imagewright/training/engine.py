"""One step of training: for each phase that is due, gradients, their average over ranks, and the update.

This is the only training code that calls `backward`. Nothing in a step waits for the device: losses are summed on it,
and read when a report is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from imagewright import distributed
from imagewright.model import Model
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.pixels import to_float
from imagewright.recipe import Optimizer, Recipe
from imagewright.seeds import derive_seed
from imagewright.training.averaging import Averages
from imagewright.training.doctor.gradient_norms import GradientNorms, total_norm
from imagewright.training.observed import Observed
from imagewright.training.optimisation import build_optimizer, lazy_correction, reset_moments, set_hyperparameters
from imagewright.training.plan import Plan, Schedule

if TYPE_CHECKING:
    from imagewright.images import Batch
    from imagewright.training.capture import CapturedSteps

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# Each rank computes their running statistics from its own images, so that ranks differ until these are averaged.
NORMS = (nn.modules.batchnorm._NormBase,)


class Engine:
    """A model with its optimizers and moving averages, trained step by step.

    model: on `device` already; the engine sets which of its parameters need gradients.
    plan: the numbers of the training.
    device: where to compute.

    schedule: the hyperparameters at each point of the training.
    precision: the arithmetic of losses, the plan's; a trial compares others.
    networks: the sub-modules that phases update, by name.
    sums, weights: of the terms since the last call of `losses`, by "phase/term"; `sums` are on the device.
    gradient_norms: of each phase since the last report.
    """

    def __init__(self, model: Model, plan: Plan, device: torch.device) -> None:
        self.model, self.plan, self.device = model, plan, device
        self.schedule = Schedule(model, plan)
        self.precision = plan.precision
        self.phases = model.phases()
        self.networks = find_networks(model, self.phases)
        # As the optimizers hold them: looking them up in deep networks takes a good part of a short step.
        self._parameters = {name: list(network.parameters()) for name, network in self.networks.items()}
        self._point: tuple[Recipe, float] | None = self.schedule.point(0)
        self._hyperparameters = {name: self.schedule.optimizer(name, 0) for name in self.networks}
        self._corrections = {name: lazy_correction(name, self.phases) for name in self.networks}
        self.optimizers = {
            name: build_optimizer(
                network, self._hyperparameters[name], self._corrections[name], capturable=plan.capture
            )
            for name, network in self.networks.items()
        }
        self.averages = Averages(model, model.averaged, self.schedule.average(0))
        # Gradients in fp16 can overflow: the scaler then skips the step and lowers its scale.
        self.scaler = torch.amp.GradScaler(device.type, enabled=plan.precision == "fp16")
        self.generator = torch.Generator(device=device)
        self.sums: dict[str, Tensor] = {}
        self.weights: dict[str, float] = {}
        self.gradient_norms = GradientNorms()
        model.requires_grad_(False)
        self._trainable: tuple[str, ...] = ()  # names of the networks whose parameters need gradients now
        self._captured: CapturedSteps | None = None
        if plan.capture:
            from imagewright.training.capture import CapturedSteps

            self._captured = CapturedSteps(self)

    def step(self, batches: Mapping[str, Batch], index: int, images_seen: int) -> None:
        """Train on one batch of each feed.

        batches: by feed, this rank's rows of the global batch, as `Images.batch` returns them (uint8, on the CPU).
        index: number of the step, from 0.
        images_seen: before the step.
        """
        clock = self.schedule.clock(images_seen)
        reset = self.model.advance(clock)
        for name in self._optimizers_below(reset):
            reset_moments(self.optimizers[name])
        changed = self._set_hyperparameters(images_seen)
        due = [phase for phase in self.phases if phase.is_due(index, clock)]
        steps = self._micro_steps(batches, index, images_seen)
        if self._captured is not None:
            observed = self._captured.run(due, steps, changed=changed or bool(reset))
        else:
            observed = self.run_phases(due, steps)
        self._collect(observed)
        rows = self.schedule.batch_size(images_seen)
        if self.averages.networks:
            self.averages.update(images_seen + rows, rows, self.schedule.average(images_seen))

    def renew(self, plan: Plan, phases: Iterable[Phase] | None = None) -> None:
        """Take the numbers of another plan and of the model's recipe as it is now; for who changes options in between.

        Weights and moments stay. Phases update the networks that they did before.

        phases: by default the model's.
        """
        self.plan, self.schedule, self._point = plan, Schedule(self.model, plan), None
        self.phases = list(self.model.phases() if phases is None else phases)

    def losses(self) -> dict[str, float]:
        """The mean of each term since the last call, by "phase/term", over all ranks. Waits for the device."""
        if not self.sums:
            return {}
        names = list(self.sums)
        means = torch.stack([self.sums[name].float() / self.weights[name] for name in names])
        distributed.average_([means])
        self.sums, self.weights = {}, {}
        return dict(zip(names, means.tolist(), strict=True))

    def synchronise_statistics(self) -> None:
        """Average the running statistics of norm layers over ranks."""
        if distributed.world_size() > 1:
            for network in (self.model, *self.averages.copies.values()):
                distributed.average_(running_statistics(network))

    def learning_rates(self) -> dict[str, float]:
        """The present learning rate of each network, by name."""
        return {name: float(optimizer.param_groups[0]["lr"]) for name, optimizer in self.optimizers.items()}

    def run_phases(self, due: list[Phase], steps: list[Step], *, seeded: bool = True) -> Observed:
        """Run phases on the micro-batches of a step, and return their losses and gradient norms.

        seeded: whether to seed the random numbers of each phase; False if the draws are filled already.
        """
        observed = Observed()
        for number, phase in enumerate(due):
            for optimizer in self.optimizers.values():
                optimizer.zero_grad(set_to_none=True)  # of all networks: this phase needs their memory
            served = self._networks_served(phase, due[number + 1 :]) if len(steps) == 1 else ()
            self._run_phase(phase, steps, observed, served, seeded=seeded)
        return observed

    def _networks_served(self, phase: Phase, later: list[Phase]) -> tuple[str, ...]:
        """The networks for which the graph of a phase is kept.

        None in fp16, whose scale may change between two phases, nor in a CUDA graph, whose memory it would enlarge.
        """
        if self._captured is not None or self.scaler.is_enabled():
            return ()
        moved = {name for each in later for name in each.updates}
        return tuple(name for name in phase.serves if name in moved)

    def evaluate(
        self, batches: Mapping[str, Batch], index: int, images_seen: int, precision: str
    ) -> dict[str, dict[str, float]]:
        """The losses of the phases of one step, by phase and term, without an update. Norms see the batch.

        batches, index, images_seen: as for `step`.
        precision: of the losses.
        """
        before, self.precision = self.precision, precision
        clock, losses = self.schedule.clock(images_seen), {}
        self.model.advance(clock)
        (step, *_) = self._micro_steps(batches, index, images_seen)
        for phase in self.phases:
            if phase.is_due(index, clock):
                self._set_trainable(phase.updates)
                self.seed(phase, step)
                with self.autocast():
                    losses[phase.name] = {
                        name: float(term.detach()) for part in phase.parts(step) for name, term in part.items()
                    }
        self.precision = before
        return losses

    def seed(self, phase: Phase, step: Step) -> None:
        """Seed the random numbers of a phase in a micro-batch.

        `Draws` gets the same seed in each micro-batch, because it samples for the global batch and takes its own rows.
        Layers that sample themselves, such as dropout, use torch's global generators; these are seeded by the first
        row too, so that micro-batches differ and a resumed run repeats them.
        """
        seed = derive_seed(self.plan.seed, "step", step.index, phase.name)
        self.generator.manual_seed(seed)
        seed_layers(self.device, derive_seed(seed, "layers", step.draws.first_row))

    def _set_hyperparameters(self, images_seen: int) -> bool:
        """Set those of this point. Returns whether one other than a learning rate has changed."""
        point = self.schedule.point(images_seen)
        if point == self._point:  # the usual case: nothing is scheduled here
            return False
        self._point, changed = point, False
        for name, optimizer in self.optimizers.items():
            new, old = self.schedule.optimizer(name, images_seen), self._hyperparameters[name]
            if new != old:
                if new.kind != old.kind:
                    raise ValueError(f"the recipe changes the optimizer of {name!r} from {old.kind} to {new.kind}")
                changed = changed or not _differ_in_rate_only(new, old)
                set_hyperparameters(optimizer, new, self._corrections[name])
                self._hyperparameters[name] = new
        return changed

    def _optimizers_below(self, networks: tuple[str, ...]) -> list[str]:
        """The names of the optimizers of these networks, and of parts of them. Raises `ValueError` for others."""
        found = []
        for network in networks:
            names = [name for name in self.optimizers if name == network or name.startswith(f"{network}.")]
            if not names:
                raise ValueError(f"`advance` names {network!r}, but phases update {', '.join(self.optimizers)} alone")
            found += names
        return found

    def autocast(self) -> torch.autocast:
        """The arithmetic of losses."""
        precision = self.precision
        cached = self._captured is None
        enabled = precision != "fp32"
        return torch.autocast(self.device.type, PRECISIONS[precision], enabled=enabled, cache_enabled=cached)

    def _micro_steps(self, batches: Mapping[str, Batch], index: int, images_seen: int) -> list[Step]:
        """The batch on the device, split into micro-batches."""
        feeds = self.model.feeds
        first, *others = feeds
        on_device = {name: batches[name].map(lambda part: part.to(self.device, non_blocking=True)) for name in feeds}
        rows = {name: as_rows(batch) for name, batch in on_device.items()}
        total, start_row = self.schedule.batch_size(images_seen), self.schedule.rows(images_seen).start
        count = len(rows[first].images) // feeds[first].repeats
        steps = []
        for start, stop in micro_batches(count, self.plan.micro_batch or count):
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

    def _run_phase(
        self, phase: Phase, steps: list[Step], observed: Observed, served: tuple[str, ...] = (), *, seeded: bool
    ) -> None:
        self._set_trainable(phase.updates + served)
        rows = sum(step.draws.rows for step in steps)
        has_terms = False
        for step in steps:
            if seeded:
                self.seed(phase, step)
            step.keeps = bool(served)
            weight = step.draws.rows / rows
            for terms in self._parts(phase, step):
                has_terms = True
                loss = torch.stack([term.float() for term in terms.values()]).sum() * weight
                scaled = self.scaler.scale(loss * phase.every if phase.lazy else loss)
                # A kept graph reaches networks of two phases: gradients are only of those that this phase moves.
                inputs = [p for name in phase.updates for p in self._parameters[name]] if step.kept else None
                scaled.backward(retain_graph=bool(served), inputs=inputs)
                observed.add_terms(phase.name, terms, weight)
        if has_terms:
            self._update(phase, observed)

    def _parts(self, phase: Phase, step: Step) -> Iterator[Terms]:
        """The parts of a loss that have terms, each computed when it is asked for."""
        parts = phase.parts(step)
        while True:
            with self.autocast():  # of the losses alone: gradients are computed outside
                terms = next(parts, None)
            if terms is None:
                return
            if terms:
                yield terms

    def _update(self, phase: Phase, observed: Observed) -> None:
        optimizers = [self.optimizers[name] for name in phase.updates]
        parameters = [p for name in phase.updates for p in self._parameters[name] if p.grad is not None]
        distributed.average_(p.grad for p in parameters if p.grad is not None)
        for optimizer in optimizers:
            self.scaler.unscale_(optimizer)
        observed.norms.append((phase.name, [self._clipped_norm(name) for name in phase.updates]))
        for optimizer in optimizers:
            self.scaler.step(optimizer)
        self.scaler.update()

    def _clipped_norm(self, name: str) -> Tensor:
        """Clip the gradient of a network, if it has a clip, and return its norm before that."""
        parameters, clip = self._parameters[name], self._hyperparameters[name].clip
        if clip is None:
            return total_norm(parameters).to(self.device)
        return nn.utils.clip_grad_norm_(parameters, clip, foreach=True)

    def _set_trainable(self, updates: tuple[str, ...]) -> None:
        """Let the parameters of the given networks alone need gradients, so that none are computed for the others."""
        if self._trainable == updates:
            return
        for names, needed in ((self._trainable, False), (updates, True)):
            for parameter in (p for name in names for p in self._parameters[name]):
                parameter.requires_grad = needed
        self._trainable = updates

    def _collect(self, observed: Observed) -> None:
        """Add the losses and gradient norms of a step to those since the last report."""
        for key, value, weight in observed.terms:
            self.sums[key] = self.sums[key] + value if key in self.sums else value
            self.weights[key] = self.weights.get(key, 0.0) + weight
        for phase, norms in observed.norms:
            self.gradient_norms.add(phase, norms)


def micro_batches(count: int, size: int) -> list[tuple[int, int]]:
    """The ranges of rows of micro-batches of `size` rows; a last one of a single row takes rows of the one before.

    Batch normalisation cannot compute the statistics of a single row.
    """
    starts = list(range(0, count, size))
    if count % size == 1 and len(starts) > 1 and size > 2:
        starts[-1] -= 1
    return list(zip(starts, [*starts[1:], count], strict=True))


def seed_layers(device: torch.device, seed: int) -> None:
    """Seed torch's own generators of the CPU and of one device. `torch.manual_seed` takes half a millisecond."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def find_networks(model: Model, phases: list[Phase]) -> dict[str, nn.Module]:
    """The sub-modules that phases update, by the names in `Phase.updates`.

    Raises `ValueError` if one of them is inside another, since two optimizers would then update the same weights.
    """
    names = list(dict.fromkeys(name for phase in phases for name in phase.updates))
    for name in names:
        inside = next((other for other in names if other.startswith(f"{name}.")), None)
        if inside is not None:
            raise ValueError(
                f"phases of {type(model).__name__} update {name!r} and {inside!r}, which is inside it: the names in "
                "`Phase.updates` must be equal or name disjoint sub-modules. Name the inner sub-modules in both phases."
            )
    return {name: model.get_submodule(name) for name in names}


def running_statistics(network: nn.Module) -> list[Tensor]:
    """The running means and variances of the norm layers of a network: the buffers themselves, not copies."""
    norms = [module for module in network.modules() if isinstance(module, NORMS)]
    statistics = [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)]
    return [buffer for buffer in statistics if buffer is not None]


def _differ_in_rate_only(one: Optimizer, other: Optimizer) -> bool:
    return {**vars(one), "learning_rate": 0} == {**vars(other), "learning_rate": 0}


def as_rows(batch: Batch) -> Rows:
    """A batch as losses take it: uint8 pictures as floats in [-1, 1]; label maps and instance ids unchanged."""
    images = to_float(batch.images)

    def layer_values(layer: Tensor) -> Tensor:
        if layer is batch.images:
            return images
        return to_float(layer) if layer.dtype == torch.uint8 else layer

    layers = {name: layer_values(layer) for name, layer in batch.layers.items()}
    return Rows(images=images, labels=batch.labels, attributes=batch.attributes, layers=layers)


def _cut(rows: Rows, start: int, stop: int, repeats: int) -> Rows:
    """Rows `start` to `stop` of a feed that has `repeats` images a row."""
    chosen = slice(start * repeats, stop * repeats)
    return Rows(
        images=rows.images[chosen],
        labels=None if rows.labels is None else rows.labels[chosen],
        attributes=None if rows.attributes is None else rows.attributes[chosen],
        layers={name: layer[chosen] for name, layer in rows.layers.items()},
    )
