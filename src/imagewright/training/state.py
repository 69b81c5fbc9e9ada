"""Everything that training changes, written and read back: a resumed run ends with the bytes of an unbroken one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from imagewright.errors import RunError
from imagewright.runs.loading import load_weights
from imagewright.runs.weights import Checkpoint, read_tensors, write_tensors
from imagewright.training.observers import NotFinite, Training
from imagewright.training.optimisation import optimizer_tensors


def save(training: Training) -> Checkpoint:
    """Write state and weights (averages in place). The weights come last: without them there is no checkpoint.

    Raises `NotFinite` for weights that are no finite numbers any more: the earlier checkpoint stays the latest.
    """
    engine, run = training.engine, training.run
    if not _all_finite(engine.model):
        raise NotFinite("the weights hold values that are not numbers")
    checkpoint = run.checkpoint_at(training.images_seen)
    write_tensors(checkpoint.state, _state(training), _place(training))
    record = {"model": run.model, "config": run.record["config"], "images_seen": training.images_seen}
    try:
        with engine.averages.in_place(engine.model):
            write_tensors(checkpoint.weights, engine.model.state_dict(), record)
    except RunError:
        if not checkpoint.weights.exists():  # half a checkpoint is of no use, and the disk may be full
            checkpoint.state.unlink(missing_ok=True)
        raise
    return checkpoint


def _place(training: Training) -> dict[str, Any]:
    """Where training is, and what the next report averages over: its losses are then those of an unbroken run."""
    engine = training.engine
    return {
        "index": training.index,
        "images_seen": training.images_seen,
        "scaler": engine.scaler.state_dict() if engine.scaler.is_enabled() else {},
        "losses": {name: (total.item(), engine.weights[name]) for name, total in engine.sums.items()},
        "gradient_norms": engine.gradient_norms.state(),
    }


def restore(checkpoint: Checkpoint, training: Training) -> None:
    """Put a training where the checkpoint was written."""
    engine = training.engine
    weights, _ = read_tensors(checkpoint.weights)
    state, place = read_tensors(checkpoint.state)
    with engine.averages.in_place(engine.model):  # what the weights file calls the network is its average
        load_weights(engine.model, weights, str(checkpoint.weights))
    with torch.no_grad():
        for name, tensor in _state(training).items():
            if name not in state or state[name].shape != tensor.shape:
                raise RunError(f"{checkpoint.state} is not of this training: it holds no {name} of the right shape.")
            tensor.copy_(state[name])
    if place["scaler"]:
        engine.scaler.load_state_dict(place["scaler"])
    engine.sums = {name: torch.tensor(total, device=engine.device) for name, (total, _) in place["losses"].items()}
    engine.weights = {name: weight for name, (_, weight) in place["losses"].items()}
    engine.gradient_norms.restore(place.get("gradient_norms", {}), engine.device)  # older checkpoints hold none
    training.index, training.images_seen = place["index"], place["images_seen"]


def _state(training: Training) -> dict[str, Tensor]:
    """Beside the weights file: optimizers' moments, the trained weights of averaged networks, resampling."""
    engine, resampler = training.engine, training.resampler
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
