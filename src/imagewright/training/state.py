"""Checkpoints: everything that training changes, written and read, so that a resumed run equals an unbroken one.

A checkpoint is two files. The weights file has the model as the verbs use it, with moving averages in place of trained
weights. The state file has what resuming needs besides.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from imagewright.errors import RunError
from imagewright.runs.loading import load_weights
from imagewright.runs.schemas import StateRecord, WeightsRecord
from imagewright.runs.weights import Checkpoint, read_tensors, write_tensors
from imagewright.training.observers import NotFinite, Training
from imagewright.training.optimisation import optimizer_tensors


def save_checkpoint(training: Training) -> Checkpoint:
    """Write the checkpoint of the present point.

    The weights file is written last: a checkpoint without it is not listed, so that a kill leaves the earlier one.

    Raises `NotFinite` if a weight is NaN or infinite, before anything is written; `RunError` if the disk is full.
    """
    engine, run = training.engine, training.run
    if not _all_finite(engine.model):
        raise NotFinite("the weights became NaN or infinite")
    checkpoint = run.checkpoint_at(training.images_seen)
    write_tensors(checkpoint.state, _state_tensors(training), _state_record(training))
    record = {"model": run.model, "config": run.record["config"], "images_seen": training.images_seen}
    try:
        with engine.averages.in_place(engine.model):
            write_tensors(checkpoint.weights, engine.model.state_dict(), record)
    except RunError:
        if not checkpoint.weights.exists():  # a state file alone is of no use, and the disk may be full
            checkpoint.state.unlink(missing_ok=True)
        raise
    return checkpoint


def _state_record(training: Training) -> dict[str, Any]:
    """The point of the training, and the sums of the next report, whose losses then equal those of an unbroken run."""
    engine = training.engine
    return {
        "index": training.index,
        "images_seen": training.images_seen,
        "scaler": engine.scaler.state_dict() if engine.scaler.is_enabled() else {},
        "losses": {name: (total.item(), engine.weights[name]) for name, total in engine.sums.items()},
        "gradient_norms": engine.gradient_norms.state_dict(),
    }


def restore_checkpoint(checkpoint: Checkpoint, training: Training) -> None:
    """Set a training to the point of a checkpoint. Raises `RunError` for a checkpoint of another training."""
    engine = training.engine
    weights, _ = read_tensors(checkpoint.weights, WeightsRecord)
    tensors, record = read_tensors(checkpoint.state, StateRecord)
    with engine.averages.in_place(engine.model):  # the weights file has the moving averages
        load_weights(engine.model, weights, str(checkpoint.weights))
    with torch.no_grad():
        for name, tensor in _state_tensors(training).items():
            if name not in tensors or tensors[name].shape != tensor.shape:
                raise RunError(f"{checkpoint.state} is not of this training: it has no {name} of the right shape.")
            tensor.copy_(tensors[name])
    if record.get("scaler"):
        engine.scaler.load_state_dict(record["scaler"])
    engine.sums = {
        name: torch.tensor(total, device=engine.device) for name, (total, _) in record.get("losses", {}).items()
    }
    engine.weights = {name: weight for name, (_, weight) in record.get("losses", {}).items()}
    norms = record.get("gradient_norms", {})  # missing in checkpoints of older versions
    engine.gradient_norms.load_state_dict(norms, engine.device)
    training.index, training.images_seen = record["index"], record["images_seen"]


def _state_tensors(training: Training) -> dict[str, Tensor]:
    """The tensors of the state file: moments, trained weights of averaged networks, sampling weights of images."""
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
