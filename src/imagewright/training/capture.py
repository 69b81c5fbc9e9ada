"""Whole training steps as CUDA graphs: recorded once, then started by one call instead of a kernel at a time.

Small pictures leave a GPU waiting for Python. A graph replays the kernels of a step on the same memory, so that inputs
and random numbers are copied into place first. Random numbers are sampled outside the graph, in the order in which the
losses asked for them, from the seeds of an uncaptured step: the weights are the same up to the rounding of the rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from imagewright import distributed
from imagewright.errors import ConfigError
from imagewright.phases import Draws, Phase, Rows, Step
from imagewright.training.observed import Observed

if TYPE_CHECKING:
    from imagewright.training.engine import Engine

# Steps run eagerly before one is recorded: cuDNN chooses its algorithms, and memory settles.
WARM_UP = 3

Call = tuple[str, tuple[Any, ...]]


def check_capture(model: nn.Module, precision: str, device: torch.device) -> None:
    """Raise `ConfigError` if whole steps of a training cannot be captured."""
    wrong = None
    if device.type != "cuda":
        wrong = f"it needs a CUDA GPU, and this training runs on {device.type}"
    elif distributed.world_size() > 1:
        wrong = "it is for one GPU, and several ranks train"
    elif precision == "fp16":
        wrong = "fp16 looks at each gradient on the CPU: use --precision bf16 or fp32"
    elif any(isinstance(module, nn.modules.dropout._DropoutNd) and module.p for module in model.modules()):
        wrong = "the model has dropout, whose random numbers a graph cannot repeat from a seed"
    if wrong:
        raise ConfigError(f"capture=True: {wrong}. Leave --capture out.")


@dataclass
class Tape:
    """The random numbers of one phase and micro-batch: which were asked for, in order, and where they lie."""

    calls: list[Call] = field(default_factory=list)
    numbers: list[Tensor] = field(default_factory=list)
    reading: bool = False
    place: int = 0

    def take(self, sample: Callable[..., Tensor], name: str, arguments: tuple[Any, ...]) -> Tensor:
        if self.reading:
            self.place += 1
            return self.numbers[self.place - 1]
        self.calls.append((name, arguments))
        self.numbers.append(sample(*arguments).clone())
        return self.numbers[-1]

    def refill(self, draws: Draws) -> None:
        """Sample anew, by the generator's present seed, into the same memory."""
        for (name, arguments), numbers in zip(self.calls, self.numbers, strict=True):
            numbers.copy_(getattr(draws, name)(*arguments))


@dataclass(frozen=True)
class TapedDraws(Draws):
    """Draws that write down what they are asked for, or read it from tensors that were filled before."""

    tape: Tape

    def normal(self, *shape: int) -> Tensor:
        return self.tape.take(super().normal, "normal", shape)

    def uniform(self, *shape: int) -> Tensor:
        return self.tape.take(super().uniform, "uniform", shape)

    def integers(self, high: int, *shape: int) -> Tensor:
        return self.tape.take(super().integers, "integers", (high, *shape))

    def whole(self, *shape: int) -> Tensor:
        return self.tape.take(super().whole, "whole", shape)


def taped(draws: Draws, tape: Tape) -> TapedDraws:
    """The same draws, with a tape."""
    return TapedDraws(draws.generator, draws.global_rows, draws.first_row, draws.rows, tape)


@dataclass
class Graph:
    """One recorded step: its inputs, its random numbers by phase, the graph, and what it leaves to be logged."""

    steps: list[Step]
    tapes: dict[str, list[Tape]]
    graph: torch.cuda.CUDAGraph
    observed: Observed


class CapturedSteps:
    """Runs an engine's steps: the first few of each kind eagerly, then as a recorded graph.

    Steps are of one kind if the same phases are due on batches of the same shape. What a loss computes in Python from
    `Step.index` or `Step.images_seen` would be recorded as it was: models that do so must not be captured.
    """

    def __init__(self, engine: Engine) -> None:
        check_capture(engine.model, engine.plan.precision, engine.device)
        self.engine = engine
        self.graphs: dict[Any, Graph] = {}
        self.warmed: dict[Any, int] = {}
        self.stream = torch.cuda.Stream(engine.device)

    def run(self, due: list[Phase], steps: list[Step], *, anew: bool) -> Observed:
        """One step. `anew`: the model or its optimizers have changed in what a graph has fixed."""
        if anew:
            self.graphs.clear()
            self.warmed.clear()
        kind = (tuple(phase.name for phase in due), tuple(step.images.shape for step in steps))
        if kind not in self.graphs:
            self.warmed[kind] = self.warmed.get(kind, 0) + 1
            if self.warmed[kind] <= WARM_UP:
                return self._eagerly(due, steps)
            self.graphs[kind] = self._record(due, steps)
        return self._replay(self.graphs[kind], due, steps)

    def _eagerly(self, due: list[Phase], steps: list[Step]) -> Observed:
        """On the stream that will record: memory that it allocates now is there for the graph."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            observed = self.engine.run_phases(due, steps)
        torch.cuda.current_stream().wait_stream(self.stream)
        return observed

    def _record(self, due: list[Phase], steps: list[Step]) -> Graph:
        # The calls for random numbers are found by a step that is undone: losses decide them as they run.
        tapes = self._find_calls(due, steps)
        static = [copied(step) for step in steps]
        for phase in due:
            for step, tape in zip(static, tapes[phase.name], strict=True):
                tape.reading, tape.place = True, 0
                step.shared.clear()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self.stream):
            observed = Observed()
            for phase in due:
                for step, tape in zip(static, tapes[phase.name], strict=True):
                    step.draws = taped(step.draws, tape)
                self.engine._run(phase, static, observed, seeded=False)
        return Graph(static, tapes, graph, observed)

    def _find_calls(self, due: list[Phase], steps: list[Step]) -> dict[str, list[Tape]]:
        """Which random numbers each phase asks for: its losses are computed once more, and nothing is kept of it."""
        model, tapes = self.engine.model, {phase.name: [Tape() for _ in steps] for phase in due}
        before = [buffer.clone() for buffer in model.buffers()]
        shared = [copied(step) for step in steps]
        for phase in due:
            for step, tape in zip(shared, tapes[phase.name], strict=True):
                self.engine._release(phase.updates)
                self.engine.seed(phase, step)
                step.draws = taped(step.draws, tape)
                phase.loss(step)
        with torch.no_grad():
            for buffer, value in zip(model.buffers(), before, strict=True):
                buffer.copy_(value)
        return tapes

    def _replay(self, graph: Graph, due: list[Phase], steps: list[Step]) -> Observed:
        for phase in due:
            for step, tape in zip(steps, graph.tapes[phase.name], strict=True):
                self.engine.seed(phase, step)
                tape.refill(step.draws)
        for static, step in zip(graph.steps, steps, strict=True):
            copy_rows(static, step)
            for name, rows in step.feeds.items():
                copy_rows(static.feeds[name], rows)
        graph.graph.replay()
        return graph.observed.clone()


def tensors_of(rows: Rows) -> list[Tensor]:
    """All tensors of rows, in one order."""
    present = [each for each in (rows.images, rows.labels, rows.attributes) if each is not None]
    return [*present, *rows.layers.values()]


def copy_rows(into: Rows, rows: Rows) -> None:
    """Copy the tensors of rows into others of the same shapes."""
    for old, new in zip(tensors_of(into), tensors_of(rows), strict=True):
        old.copy_(new)


def copied(step: Step) -> Step:
    """A step with tensors of its own, and nothing shared yet."""

    def clone(rows: Rows) -> dict[str, Any]:
        return {
            "images": rows.images.clone(),
            "labels": None if rows.labels is None else rows.labels.clone(),
            "attributes": None if rows.attributes is None else rows.attributes.clone(),
            "layers": {name: layer.clone() for name, layer in rows.layers.items()},
        }

    feeds = {name: Rows(**clone(rows)) for name, rows in step.feeds.items()}
    return Step(**clone(step), index=step.index, images_seen=step.images_seen, draws=step.draws, feeds=feeds, shared={})
