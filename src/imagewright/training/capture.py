"""Whole training steps as CUDA graphs: recorded once, then launched by one call instead of one call a kernel.

With small pictures a GPU waits for Python. A graph replays the kernels of a step on the same memory, so inputs and
random numbers must be copied into that memory first. Random numbers are sampled outside the graph, in the order in
which the losses call for them, with the seeds of an uncaptured step. Weights therefore equal those of a training
without capture, up to the rounding of the learning rate, which is a float32 tensor here.
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

# Steps that run eagerly before one is recorded. In these cuDNN chooses its algorithms, and the allocator its blocks.
WARM_UP = 3

Call = tuple[str, tuple[Any, ...]]
"""A call of a method of `Draws`: its name and its arguments."""


def check_capture(model: nn.Module, precision: str, device: torch.device) -> None:
    """Raise `ConfigError` if the steps of this training cannot be captured."""
    reason = None
    if device.type != "cuda":
        reason = f"that needs a CUDA GPU, and this training runs on {device.type}"
    elif distributed.world_size() > 1:
        reason = "that needs a training on one GPU, and this one has several ranks"
    elif precision == "fp16":
        reason = "fp16 checks every gradient on the CPU; use --precision bf16 or fp32"
    elif any(isinstance(module, nn.modules.dropout._DropoutNd) and module.p for module in model.modules()):
        reason = "the model has dropout, whose random numbers a graph cannot repeat from a seed"
    if reason:
        raise ConfigError(f"Steps cannot be captured as CUDA graphs: {reason}. Leave --capture out.")


@dataclass
class Tape:
    """The calls for random numbers of one phase and micro-batch, in order, and their results.

    calls: method and arguments of each call.
    numbers: the result of each call. The graph reads these tensors, so they are refilled and never replaced.
    reading: whether calls return the next of `numbers` instead of being recorded.
    position: of the next result, while reading.
    """

    calls: list[Call] = field(default_factory=list)
    numbers: list[Tensor] = field(default_factory=list)
    reading: bool = False
    position: int = 0

    def call(self, sample: Callable[..., Tensor], name: str, arguments: tuple[Any, ...]) -> Tensor:
        """Record a call and return its result; while reading, return the next recorded result."""
        if self.reading:
            self.position += 1
            return self.numbers[self.position - 1]
        self.calls.append((name, arguments))
        self.numbers.append(sample(*arguments).clone())
        return self.numbers[-1]

    def refill(self, draws: Draws) -> None:
        """Repeat all calls with the generator's present seed, and copy the results into `numbers`."""
        for (name, arguments), numbers in zip(self.calls, self.numbers, strict=True):
            numbers.copy_(getattr(draws, name)(*arguments))


@dataclass(frozen=True)
class TapedDraws(Draws):
    """Draws whose calls are recorded on a tape, or answered from it."""

    tape: Tape

    def normal(self, *shape: int) -> Tensor:
        return self.tape.call(super().normal, "normal", shape)

    def uniform(self, *shape: int) -> Tensor:
        return self.tape.call(super().uniform, "uniform", shape)

    def integers(self, high: int, *shape: int) -> Tensor:
        return self.tape.call(super().integers, "integers", (high, *shape))

    def whole(self, *shape: int) -> Tensor:
        return self.tape.call(super().whole, "whole", shape)


def with_tape(draws: Draws, tape: Tape) -> TapedDraws:
    """The same draws, with a tape."""
    return TapedDraws(draws.generator, draws.global_rows, draws.first_row, draws.rows, tape)


@dataclass
class Graph:
    """One recorded step.

    steps: the micro-batches that the graph reads; new ones are copied into their tensors.
    tapes: by phase, the random numbers of each micro-batch.
    graph: the kernels.
    observed: losses and gradient norms, which the graph writes.
    """

    steps: list[Step]
    tapes: dict[str, list[Tape]]
    graph: torch.cuda.CUDAGraph
    observed: Observed


class CapturedSteps:
    """Runs an engine's steps: the first few of each kind eagerly, the others by a recorded graph.

    Steps are of one kind if the same phases are due, in one precision, on batches of the same shape. A graph repeats
    the numbers that a loss computed in Python when it was recorded, and numbers that it did not sample from
    `step.draws`. Models whose losses read `Step.index` or `Step.images_seen`, or call `torch.randn` or
    `functional.dropout`, must therefore not be captured; nothing checks this.
    """

    def __init__(self, engine: Engine) -> None:
        check_capture(engine.model, engine.plan.precision, engine.device)
        self.engine = engine
        self.graphs: dict[Any, Graph] = {}
        self.warmed: dict[Any, int] = {}
        self.stream = torch.cuda.Stream(engine.device)
        self.pool = torch.cuda.graph_pool_handle()

    def run(self, due: list[Phase], steps: list[Step], *, changed: bool) -> Observed:
        """Run one step.

        due: its phases.
        steps: its micro-batches.
        changed: whether something that graphs have fixed has changed since they were recorded, such as the betas of an
            optimizer. All graphs are then recorded again.
        """
        if changed:
            self.graphs.clear()
            self.warmed.clear()
        shapes = tuple(step.images.shape for step in steps)
        kind = (tuple(phase.name for phase in due), shapes, self.engine.precision)
        if kind not in self.graphs:
            self.warmed[kind] = self.warmed.get(kind, 0) + 1
            if self.warmed[kind] <= WARM_UP:
                return self._run_eagerly(due, steps)
            self.graphs[kind] = self._record(due, steps)
        return self._replay(self.graphs[kind], due, steps)

    def _run_eagerly(self, due: list[Phase], steps: list[Step]) -> Observed:
        """Run a step on the stream that will record, so that the memory it allocates can be used by the graph."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            observed = self.engine.run_phases(due, steps)
        torch.cuda.current_stream().wait_stream(self.stream)
        return observed

    def _record(self, due: list[Phase], steps: list[Step]) -> Graph:
        tapes = self._find_calls(due, steps)
        static = [copy_step(step) for step in steps]
        for phase in due:
            for step, tape in zip(static, tapes[phase.name], strict=True):
                tape.reading, tape.position = True, 0
                step.shared.clear()
        graph = torch.cuda.CUDAGraph()
        # The graphs of all kinds of steps share their memory, since one runs at a time. Other threads, such as the one
        # that pins batches, may call CUDA meanwhile.
        with torch.cuda.graph(graph, pool=self.pool, stream=self.stream, capture_error_mode="thread_local"):
            observed = Observed()
            for phase in due:
                for step, tape in zip(static, tapes[phase.name], strict=True):
                    step.draws = with_tape(step.draws, tape)
                self.engine._run_phase(phase, static, observed, seeded=False)
        return Graph(static, tapes, graph, observed)

    def _find_calls(self, due: list[Phase], steps: list[Step]) -> dict[str, list[Tape]]:
        """The calls for random numbers of each phase and micro-batch.

        Only a loss itself knows its calls, so that all losses are computed once without an update. Buffers are restored
        afterwards.
        """
        model, tapes = self.engine.model, {phase.name: [Tape() for _ in steps] for phase in due}
        before = [buffer.clone() for buffer in model.buffers()]
        trial = [copy_step(step) for step in steps]
        for phase in due:
            for step, tape in zip(trial, tapes[phase.name], strict=True):
                self.engine._set_trainable(phase.updates)
                self.engine.seed(phase, step)
                step.draws = with_tape(step.draws, tape)
                with self.engine.autocast():
                    for _ in phase.parts(step):
                        pass  # one part's graph at a time
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


def list_tensors(rows: Rows) -> list[Tensor]:
    """All tensors of rows, always in the same order."""
    present = [each for each in (rows.images, rows.labels, rows.attributes) if each is not None]
    return [*present, *rows.layers.values()]


def copy_rows(into: Rows, rows: Rows) -> None:
    """Copy the tensors of `rows` into those of `into`, which have the same shapes."""
    for old, new in zip(list_tensors(into), list_tensors(rows), strict=True):
        old.copy_(new)


def copy_step(step: Step) -> Step:
    """A copy of a step with tensors of its own and an empty `shared`."""

    def clone(rows: Rows) -> dict[str, Any]:
        return {
            "images": rows.images.clone(),
            "labels": None if rows.labels is None else rows.labels.clone(),
            "attributes": None if rows.attributes is None else rows.attributes.clone(),
            "layers": {name: layer.clone() for name, layer in rows.layers.items()},
        }

    feeds = {name: Rows(**clone(rows)) for name, rows in step.feeds.items()}
    return Step(**clone(step), index=step.index, images_seen=step.images_seen, draws=step.draws, feeds=feeds, shared={})
