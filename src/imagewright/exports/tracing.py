"""Graphs as ONNX: traced by torch's exporter, and compared with torch before anything is written.

Batches of 1, 2, 5 and 7 go through onnxruntime, and through a graph that takes images of any size another size too.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from imagewright.errors import UserError, one_line
from imagewright.exports.graphs import NoGraphError, VerbGraph
from imagewright.model import Model
from imagewright.verbs.blocks import evaluating
from imagewright.views import View

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
OPSET = 20
BATCHES = (1, 2, 5, 7)
TOLERANCE = 1e-3  # of the numbers in [-1, 1] of pictures, an eighth of a grey level; of others relative to the largest
SPATIAL = ("given_images", "labels")
METADATA_KEY = "imagewright"


@dataclass(frozen=True)
class Traced:
    """A graph as ONNX.

    Attributes:
        graph: that it is of.
        content: of the file.
        difference: the largest from torch's results, in units of `TOLERANCE`'s numbers.
        resizable: whether it takes images of other sizes than that of training.
    """

    graph: VerbGraph
    content: bytes
    difference: float
    resizable: bool


class _Function(nn.Module):
    """A function of tensors, with the networks whose weights it uses."""

    def __init__(self, graph: VerbGraph, networks: nn.Module) -> None:
        super().__init__()
        self.networks, self.graph = networks, graph

    def forward(self, *given: Tensor) -> Tensor:
        return self.graph.function(*given)


def check_packages() -> None:
    """Raise `UserError` if the packages of the extra `export` are not installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UserError(
            f"ONNX needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed: "
            "pip install 'imagewright[export]'."
        )


def trace(graph: VerbGraph, model: Model, record: Mapping[str, Any]) -> Traced:
    """A graph as ONNX, equal to torch within `TOLERANCE`.

    record: of the model, for the metadata of the file.

    Raises `NoGraphError` if the verb cannot be a graph, or gives other results than torch.
    """
    sizes = (True, False) if graph.resizable else (False,)
    fault: NoGraphError | None = None
    for resizable in sizes:
        try:
            with evaluating(model), torch.no_grad(), _quiet():
                program = _export(graph, model, resizable)
                difference = _compare(graph, model, program.model_proto.SerializeToString(), resizable)
        except NoGraphError as error:
            fault = error
            continue
        content = _with_metadata(program.model_proto, graph, record, difference, resizable)
        return Traced(graph, content, difference, resizable)
    assert fault is not None
    raise fault


def _export(graph: VerbGraph, model: Model, resizable: bool) -> Any:
    dimension = torch.export.Dim.DYNAMIC
    shapes = []
    for name in graph.inputs:
        axes: dict[int, Any] = {0: "batch"}
        if resizable and name in SPATIAL:
            axes |= {2: dimension, 3: dimension}
        shapes.append(axes)
    networks: nn.Module = model
    while isinstance(networks, View):
        networks = networks.base
    given = tuple(each.to(model.device) for each in graph.inputs.values())
    graph.function(*given)  # what a network reads of its buffers once, it cannot read while it is traced
    try:
        program = torch.onnx.export(
            _Function(graph, networks),
            given,
            None,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(graph.inputs),
            output_names=[graph.output],
            dynamic_shapes=(tuple(shapes),),
            verbose=False,
        )
    except Exception as error:
        raise NoGraphError(f"torch cannot trace it ({_reason(error)}).") from error
    assert program is not None
    return program


def _reason(error: Exception) -> str:
    """The innermost cause of an exporter's error, in short."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return one_line(str(cause) or type(cause).__name__, 200).rstrip(".")


def _compare(graph: VerbGraph, model: Model, content: bytes, resizable: bool) -> float:
    """The largest difference from torch, over all batches. Raises `NoGraphError` if it is beyond the tolerance."""
    session = open_session(content)
    largest = 0.0
    examples = [{name: _rows(each, batch) for name, each in graph.inputs.items()} for batch in BATCHES]
    if resizable:
        height, width = type(model.config).nearest_size(*(side * 3 // 2 for side in model.config.size))
        other = {
            name: _at_size(each, height, width) if name in SPATIAL else each for name, each in graph.inputs.items()
        }
        examples.append(other)
    for inputs in examples:
        expected = graph.function(*(each.to(model.device) for each in inputs.values())).float().cpu().numpy()
        try:
            found = session.run(None, {name: each.numpy() for name, each in inputs.items()})[0]
        except Exception as error:
            raise NoGraphError(f"onnxruntime cannot compute it ({_reason(error)}).") from error
        if found.shape != expected.shape:
            raise NoGraphError(f"onnxruntime gives {found.shape} for a batch of {len(found)}, torch {expected.shape}.")
        scale = 1.0 if graph.makes_images else max(1.0, float(np.abs(expected).max()))
        difference = float(np.abs(found - expected).max()) / scale
        if not difference <= TOLERANCE:
            raise NoGraphError(
                f"onnxruntime's results differ from torch's by {difference:.2g}, and {TOLERANCE:g} is allowed."
            )
        largest = max(largest, difference)
    return largest


def open_session(content: bytes) -> Any:
    """An onnxruntime session on the CPU. Raises `NoGraphError` if onnxruntime does not take the graph."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise NoGraphError(f"onnxruntime does not take it ({_reason(error)}).") from error


def _rows(example: Tensor, batch: int) -> Tensor:
    """A batch of so many different rows: those of the example, mixed."""
    repeated = example[torch.arange(batch) % len(example)]
    if not example.is_floating_point():
        return repeated
    return repeated * torch.linspace(1, 0.5, batch).view(-1, *[1] * (example.ndim - 1))


def _at_size(images: Tensor, height: int, width: int) -> Tensor:
    resized = nn.functional.interpolate(images.float(), (height, width), mode="nearest")
    return resized.to(images.dtype)


def _with_metadata(
    proto: Any, graph: VerbGraph, record: Mapping[str, Any], difference: float, resizable: bool
) -> bytes:
    """The graph with what its inputs and outputs are, and its axes named."""
    facts = {
        **record,
        "verb": graph.verb,
        "ranges": graph.ranges,
        **graph.facts,
        "largest_difference_from_torch": difference,
        "tolerance": TOLERANCE,
        "sizes": "any that the model takes" if resizable else "that of training",
    }
    entry = proto.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(facts, ensure_ascii=True, default=str)
    proto.doc_string = f"{record.get('model')}, {graph.verb}: " + "; ".join(
        f"{name}: {text}" for name, text in graph.ranges.items()
    )
    for value in (*proto.graph.input, *proto.graph.output):
        axes = value.type.tensor_type.shape.dim
        names = ("batch", None, "height", "width") if len(axes) == 4 else ("batch",)
        for axis, name in zip(axes, names, strict=False):
            if name and axis.dim_param and value.name in (*SPATIAL, "images"):
                axis.dim_param = name
    del proto.graph.value_info[:]  # shapes in between, under the axes' former names
    return bytes(proto.SerializeToString())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporter prints and warns of from the user, who learns the result."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
