"""Functions that tests run in child processes: trainings that are killed or interrupted, or are one of two ranks."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import socket
import sys
import time
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
from small_grids import use_small_grids
from tiny import BATCH, simple_pictures, tiny_model, tiny_options, train_tiny

import imagewright as iw
from imagewright import catalogue, optimizers
from imagewright.errors import TrainingError
from imagewright.memoryless import without_memory
from imagewright.training.engine import Engine
from imagewright.training.reporting import Silent

# Child processes are forked from a server that has imported torch, so that they start at once.
_context = multiprocessing.get_context("forkserver")
_LATE = ("safetensors.torch", "sklearn.mixture")  # imported by the first checkpoint, and by the density of its latents
_MODELS = ("imagewright.models.autoencoding.vae", "imagewright.models.adversarial.dcgan")
_context.set_forkserver_preload(["imagewright.training.train", *_MODELS, *_LATE])
use_small_grids()  # as in the tests, whose previews are compared with those of child processes


def start(function: Any, *arguments: Any, **options: Any) -> BaseProcess:
    """Start a child process that runs a function of this file."""
    process = _context.Process(target=function, args=arguments, kwargs=options)
    process.start()
    return process


class Slow(Silent):
    """Waits after each step, so that the training lasts long enough to be killed."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def progressed(self, images_seen: int) -> None:
        time.sleep(self.seconds)


def train_slowly(name: str, out: Path, seconds: float, **options: Any) -> None:
    train_tiny(name, simple_pictures(), out, reporter=Slow(seconds), **options)


def train_until_write(name: str, out: Path, number: int, **options: Any) -> None:
    """Train, and kill this process just before file `number` (from 1) is renamed to its place."""
    replace, written = Path.replace, 0

    def count_and_kill(self: Path, target: Path) -> Path:
        nonlocal written
        written += 1
        if written == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(self, target)

    Path.replace = count_and_kill  # type: ignore[method-assign]
    train_tiny(name, simple_pictures(), out, **options)


def train_and_list_modules(folder: Path) -> None:
    """A training, and a step of each optimizer."""
    train_tiny("vae", simple_pictures(), folder / "run")
    for kind in (optimizers.Adam, optimizers.AdamW, optimizers.RMSprop, optimizers.SGD):
        weight = torch.zeros(1, requires_grad=True)
        optimizer = kind([weight], lr=0.1)
        weight.sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    (folder / "modules").write_text("\n".join(sys.modules))


def build_without_memory(folder: Path) -> None:
    """Every model of the catalogue."""
    for name in catalogue.entries():
        with without_memory():
            tiny_model(name)
    (folder / "modules").write_text("\n".join(sys.modules))


# Ranks


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def ranks(function: Any, world: int, *arguments: Any, **options: Any) -> list[BaseProcess]:
    """Start `function` on every rank of a group on this machine, as `torchrun` would."""
    port = free_port()
    return [start(as_rank, rank, world, port, function, *arguments, **options) for rank in range(world)]


def as_rank(rank: int, world: int, port: int, function: Any, *arguments: Any, **options: Any) -> None:
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})
    function(*arguments, **options)


def train_as_rank(name: str, out: Path, notes: Path, seconds: float = 0, **options: Any) -> None:
    """Train, and write to `notes` a digest of this rank's weights, the files it wrote, or its error."""
    from imagewright.errors import ImagewrightError
    from imagewright.training import train as training

    rank = os.environ["RANK"]
    replace, loops = Path.replace, []

    def note_name(self: Path, target: Path) -> Path:
        with (notes / f"wrote-{rank}").open("a") as file:
            file.write(f"{target}\n")
        return replace(self, target)

    class SlowLoop(training.Loop):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            loops.append(self)

        def train(self, *, resume: bool) -> None:
            step = self.training.engine.step

            def slow_step(*given: Any) -> None:
                step(*given)
                time.sleep(seconds)
                (notes / f"step-{rank}").write_text(str(self.training.index))

            self.training.engine.step = slow_step  # type: ignore[method-assign]
            super().train(resume=resume)

    Path.replace, training.Loop = note_name, SlowLoop  # type: ignore[method-assign,misc]
    try:
        train_tiny(name, out=out, **options)
    except ImagewrightError as error:
        (notes / f"error-{rank}").write_text(f"{type(error).__name__}: {error}")
        raise SystemExit(error.exit_code) from None
    digest = hashlib.sha256()
    for tensor in loops[0].training.model.state_dict().values():
        digest.update(tensor.contiguous().numpy().tobytes())
    (notes / f"weights-{rank}").write_text(digest.hexdigest())


def train_photos(notes: Path, seconds: float = 0, **options: Any) -> None:
    """Train on the pictures in `photos` into `runs/x`, and write to `notes` that it ended, or its error."""
    from imagewright.errors import ImagewrightError

    usual = tiny_options("vae") | {"network": "mlp", "batch_size": BATCH}
    step, rank = Engine.step, os.environ.get("RANK", "0")

    def slow_step(self: Engine, batches: Any, index: int, images_seen: int) -> None:
        step(self, batches, index, images_seen)
        time.sleep(seconds)
        (notes / f"step-{rank}").write_text(str(index))

    Engine.step = slow_step  # type: ignore[method-assign]
    try:
        iw.train("vae", "photos", "runs/x", reporter=Silent(), **usual | options)
    except ImagewrightError as error:
        (notes / f"error-{rank}").write_text(f"{type(error).__name__}: {error}")
        raise SystemExit(error.exit_code) from None


def exchange(notes: Path) -> None:
    """All exchanges between ranks, on numbers that differ by rank."""
    import torch
    import torch.distributed as dist

    from imagewright import distributed

    rank = distributed.rank()
    with distributed.process_group("cpu"):
        image = torch.arange(2 * 3 * 4 * 4, dtype=torch.float32).reshape(2, 3, 4, 4) * (1 + rank)
        tensors = [
            image.to(memory_format=torch.channels_last),
            torch.full((2, 2), float(rank), dtype=torch.float64),
            torch.tensor(3.0 - rank),
        ]
        distributed.average_(tensors)
        distributed.barrier()
        any_rank = [distributed.any_rank(rank == 1), distributed.any_rank(False)]
        # Work of one rank may take longer than any report: these exchanges wait for it.
        distributed._groups["after_report"] = dist.new_group(backend="gloo", timeout=timedelta(seconds=0.2))
        time.sleep(1 - rank)
        any_rank += [distributed.gather_objects(rank), distributed.add_over_ranks(rank + 1)]
    torch.save([*tensors, any_rank], notes / f"exchanged-{rank}")


def synchronise_as_rank(notes: Path) -> None:
    """Statistics of a norm layer and a buffer of the model's own, which differ by rank, before a checkpoint."""
    import torch
    from torch import nn

    from imagewright import distributed
    from imagewright.configs import Config
    from imagewright.model import Model
    from imagewright.training.engine import Engine
    from imagewright.training.plan import Plan

    class WithPool(Model):
        def __init__(self) -> None:
            super().__init__(Config(size=(4, 4), channels=1))
            self.norm = nn.BatchNorm2d(1)
            self.register_buffer("pool", torch.zeros(3))

    rank = distributed.rank()
    with distributed.process_group("cpu"):
        model = WithPool()
        model.norm.running_mean.fill_(float(rank))
        model.pool.fill_(float(rank))
        plan = Plan(images_seen=8, batch_size=8, micro_batch=4, learning_rate=1e-3)
        Engine(model, plan, torch.device("cpu")).synchronise_statistics()
    torch.save([model.norm.running_mean, model.pool], notes / f"statistics-{rank}")


def plan_as_rank(place: Path, **options: Any) -> None:
    """Plan a training as one of several ranks, and write what this rank got."""
    from imagewright.training import trial

    trial.SECONDS = 0.01
    plan = iw.plan_training("dcgan", simple_pictures(), **options)
    found = {"plan": plan.to_dict(), "lines": plan.lines()}
    (place / f"plan-{os.environ['RANK']}.json").write_text(json.dumps(found))


def evaluate_as_rank(run: Path, cache: Path, place: Path, **options: Any) -> None:
    """Evaluate a run against the digits as one of several ranks, and write the values that this rank got."""
    os.environ["IMAGEWRIGHT_CACHE"] = str(cache)
    found = iw.evaluate(run, "digits", **options)
    values = [score.value for score in found.scores]
    (place / f"scores-{os.environ['RANK']}.json").write_text(json.dumps(values))


def evaluate_own_shards(folder: Path, subject: str, against: str) -> None:
    """Evaluate in `folder/disk-RANK` with a cache there, and write the error."""
    from imagewright.errors import UserError

    os.chdir(folder / f"disk-{os.environ['RANK']}")
    os.environ["IMAGEWRIGHT_CACHE"] = "cache"
    try:
        iw.evaluate(subject, against, metrics="fd", features="pixels", device="cpu")
    except UserError as error:
        (folder / f"error-{os.environ['RANK']}").write_text(str(error))
        raise SystemExit(error.exit_code) from None


def train_until_stopped(folder: Path) -> None:
    """Train on two ranks. The second stops before its third step, as by Ctrl-Z; the first writes its error down."""
    step = Engine.step

    def stop_or_step(self: Engine, batches: Any, index: int, images_seen: int) -> None:
        if os.environ["RANK"] == "1" and index == 2:
            os.kill(os.getpid(), signal.SIGSTOP)
        step(self, batches, index, images_seen)

    Engine.step = stop_or_step  # type: ignore[method-assign]
    try:
        train_tiny("vae", simple_pictures(), folder / "run", steps=60, rank_timeout=2)
    except TrainingError as error:
        (folder / "message").write_text(str(error))


def train_from_own_shards(folder: Path, out: Path, value_range: str | None = None, **options: Any) -> None:
    """Train on `folder/disk-RANK/set` without a cache, and write which shards were read, or the error."""
    from imagewright.errors import UserError

    rank, read, whole = os.environ["RANK"], set[str](), Path.open

    def noted(self: Path, *given: Any, **named: Any) -> Any:
        read.add(self.name)
        return whole(self, *given, **named)

    os.chdir(folder / f"disk-{rank}")
    images = iw.open_images("set", cache=False, value_range=value_range)
    Path.open = noted  # type: ignore[method-assign,assignment]
    try:
        train_tiny("vae", images, out, **options)
    except UserError as error:
        (folder / f"error-{rank}").write_text(str(error))
        raise SystemExit(error.exit_code) from None
    (folder / f"read-{rank}").write_text(json.dumps(sorted(name for name in read if name.endswith(".tar"))))
