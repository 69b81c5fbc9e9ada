"""All that training has changed, written and read back: a resumed run then ends with the bytes of an unbroken one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from imagewright.errors import RunError, TrainingError
from imagewright.runs.loading import fill
from imagewright.runs.run import Run
from imagewright.runs.weights import Checkpoint, read_tensors, write_tensors
from imagewright.training.data.rare_resampling import Resampler
from imagewright.training.engine import Engine
from imagewright.training.optimisation import optimizer_tensors


def save(run: Run, engine: Engine, resampler: Resampler | None, index: int, images_seen: int) -> Checkpoint:
    """Write state and weights (averages in place). The weights come last: until they are there, no checkpoint is.

    Raises `TrainingError` for weights that are no numbers any more: the earlier checkpoint stays the latest.
    """
    if not _all_finite(engine.model):
        raise TrainingError("the weights hold values that are not numbers")
    checkpoint = run.checkpoint_at(images_seen)
    scaler = engine.scaler.state_dict() if engine.scaler.is_enabled() else {}
    # What the next report is to average over: its losses are then those of an unbroken run, too.
    losses = {name: (total.item(), engine.weights[name]) for name, total in engine.sums.items()}
    norms = engine.gradient_norms.state()
    place = {"index": index, "images_seen": images_seen, "scaler": scaler, "losses": losses, "gradient_norms": norms}
    write_tensors(checkpoint.state, _state(engine, resampler), place)
    record = {"model": run.model, "config": run.record["config"], "images_seen": images_seen}
    try:
        with engine.averages.in_place(engine.model):
            write_tensors(checkpoint.weights, engine.model.state_dict(), record)
    except RunError:
        if not checkpoint.weights.exists():  # half a checkpoint is of no use, and the disk may be full
            checkpoint.state.unlink(missing_ok=True)
        raise
    return checkpoint


def restore(checkpoint: Checkpoint, engine: Engine, resampler: Resampler | None) -> tuple[int, int]:
    """Put an engine where the checkpoint was written; returns the step's index and the images seen."""
    weights, _ = read_tensors(checkpoint.weights)
    state, record = read_tensors(checkpoint.state)
    with engine.averages.in_place(engine.model):  # what the weights file calls the network is its average
        fill(engine.model, weights, str(checkpoint.weights))
    with torch.no_grad():
        for name, tensor in _state(engine, resampler).items():
            if name not in state or state[name].shape != tensor.shape:
                raise RunError(f"{checkpoint.state} is not of this training: it holds no {name} of the right shape.")
            tensor.copy_(state[name])
    if record["scaler"]:
        engine.scaler.load_state_dict(record["scaler"])
    engine.sums = {name: torch.tensor(total, device=engine.device) for name, (total, _) in record["losses"].items()}
    engine.weights = {name: weight for name, (_, weight) in record["losses"].items()}
    engine.gradient_norms.restore(record.get("gradient_norms", {}), engine.device)  # older checkpoints keep none
    return record["index"], record["images_seen"]


def _state(engine: Engine, resampler: Resampler | None) -> dict[str, Tensor]:
    """What the weights file does not hold: optimizers' moments, networks behind the averages, how often to draw."""
    tensors: dict[str, Tensor] = {} if resampler is None else {"resampling.weights": resampler.weights}
    for name, optimizer in engine.optimizers.items():
        found = optimizer_tensors(engine.networks[name], optimizer)
        tensors |= {f"optimizer.{name}.{key}": tensor for key, tensor in found.items()}
    for name, network in engine.averages.networks.items():
        tensors |= {f"trained.{name}.{key}": tensor for key, tensor in network.state_dict().items()}
    return tensors


def _all_finite(model: Any) -> bool:
    floating = [tensor for tensor in model.state_dict().values() if tensor.is_floating_point()]
    return bool(torch.stack([torch.isfinite(tensor).all() for tensor in floating]).all()) if floating else True
