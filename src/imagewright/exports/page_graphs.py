"""The graphs of a page, with their weights in half precision where the pictures stay the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from imagewright.exports.graphs import VerbGraph
from imagewright.exports.halving import halve_weights
from imagewright.exports.tracing import open_session, trace
from imagewright.model import Model
from imagewright.verbs.blocks import evaluating

GREY_LEVEL = 2 / 255
MOST_LEVELS = 1.5  # that half precision may change a picture by, in grey levels before rounding


def trace_for_page(graph: VerbGraph, model: Model, record: Mapping[str, Any]) -> tuple[bytes, bool]:
    """The graph as ONNX, and whether its weights are in half precision. Raises `NoGraphError` as `trace` does."""
    whole = trace(graph, model, record).content
    halved = halve_weights(whole)
    with evaluating(model), torch.inference_mode():
        expected = graph.function(*(each.to(model.device) for each in graph.inputs.values())).float().cpu().numpy()
    inputs = {name: each.numpy() for name, each in graph.inputs.items()}
    found = open_session(halved).run(None, inputs)[0]
    is_same = float(np.abs(np.clip(found, -1, 1) - np.clip(expected, -1, 1)).max()) <= MOST_LEVELS * GREY_LEVEL
    return (halved, True) if is_same else (whole, False)
