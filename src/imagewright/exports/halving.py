"""The weights of an ONNX graph in half precision, of half the size; they are computed with in full precision."""

from __future__ import annotations

from typing import Any

import numpy as np

LEAST = 256  # numbers: smaller tensors are left as they are


def halve_weights(content: bytes) -> bytes:
    """The graph with its float32 weights stored as float16, each with a cast before its first use.

    Weights that float16 cannot hold within a thousandth of their largest number are left as they are.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    proto = onnx.load_from_string(content)
    graph = proto.graph
    casts: list[Any] = []
    kept: list[Any] = []
    for weight in graph.initializer:
        numbers = numpy_helper.to_array(weight)
        if numbers.dtype != np.float32 or numbers.size < LEAST or not _fits(numbers):
            kept.append(weight)
            continue
        name = f"{weight.name}__half"
        kept.append(numpy_helper.from_array(numbers.astype(np.float16), name))
        casts.append(helper.make_node("Cast", [name], [weight.name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.initializer[:], graph.node[:], graph.value_info[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    return bytes(proto.SerializeToString())


def _fits(numbers: np.ndarray) -> bool:
    largest = float(np.abs(numbers).max())
    return largest < 6e4 and float(np.abs(numbers - numbers.astype(np.float16)).max()) <= 1e-3 * largest
