"""A family for tests: DCGAN networks under other names, whose shapes do not tell the size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from imagewright.checkpoints.adapter import Adapter, Network, Shapes, State
from imagewright.checkpoints.adapters import dcgan
from imagewright.checkpoints.containers import state_dicts


def names(ours: Iterable[str]) -> dict[str, str]:
    return {name.replace("main.", "net.layer"): name for name in ours if not name.endswith("num_batches_tracked")}


def options(shapes: Shapes) -> dict[str, Any]:
    own = {name.replace("net.layer", "main."): shape for name, shape in shapes.items()}
    found = dcgan.generator_options(own)
    del found["size"]
    return found


def split(held: Any) -> dict[str, State]:
    return {"generator": state_dicts(held)["a"]}


def stated(held: Any) -> dict[str, Any]:
    return {"size": held["side"]} if "side" in held else {}


ADAPTER = Adapter(
    networks={
        "generator": Network(
            build=dcgan.build_generator,
            options=options,
            names=names,
            forward=dcgan.generate,
            ignored=("*.kernel",),
            optional=("*.bias", "*.num_batches_tracked"),
        )
    },
    split=split,
    licence="none",
    options=stated,
)
