"""What the tests share: simple pictures, tiny trainings, and the bytes that a training left."""

from __future__ import annotations

from collections.abc import Container, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import imagewright as iw
from imagewright import catalogue, configs
from imagewright.images import Batch
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.training.data.feeds import build_readers
from imagewright.training.engine import Engine
from imagewright.training.plan import Plan
from imagewright.training.reporting import Silent

BATCH = 8
LARGE = {"biggan", "biggan_deep", "cut", "drit", "funit", "munit", "pix2pixhd", "progan", "projected_gan", "r3gan"}
LARGE |= {"stargan_v2", "stylegan", "stylegan3", "unit"}
"""Systems whose tiny networks take longest, and whose parts are those of others or have tests: see `make quality`."""


def parameters(names: Iterable[str], large: Container[str] = LARGE) -> list[Any]:
    """Names for `pytest.mark.parametrize`, of which `make test` leaves out those of large systems."""
    return [pytest.param(name, marks=pytest.mark.learning if name in large else ()) for name in names]


def simple_pictures(count: int = 32, size: tuple[int, int] = (16, 16), channels: int = 3, seed: int = 0) -> np.ndarray:
    """uint8 (N, C, H, W): a bright rectangle somewhere on a dark ground. Easy to learn, and quick to write as PNG."""
    generator = np.random.default_rng(seed)
    pictures = np.full((count, channels, *size), 40, np.uint8)
    for picture in pictures:
        top, left = (int(generator.integers(0, side // 2)) for side in size)
        colour = generator.integers(150, 256, channels)
        picture[:, top : top + size[0] // 2, left : left + size[1] // 2] = colour[:, None, None]
    return pictures


@cache
def sprites(view: str = "sprites", count: int = 32, seed: int = 0) -> np.ndarray:
    """uint8 (N, 3, 16, 16): the built-in set `shapes`, or one of its views (docs/images.md)."""
    opened = iw.open_images(f"shapes:{view},count={count},size=16,seed={seed}", channels=3)
    pictures = opened.batch(np.arange(count)).images.numpy()
    pictures.setflags(write=False)  # the same array for all callers
    return pictures


def trained_by_phases() -> list[str]:
    """Models that are trained step by step, not fitted in closed form. None of them is built."""
    return [name for name in catalogue.entries() if not catalogue.model_class(name).is_closed_form()]


def tiny_options(name: str) -> dict[str, Any]:
    """The options of a model's tiny preset, as a user would give them."""
    config = catalogue.model_class(name).Config.tiny()
    return {option: getattr(config, option) for option in configs.options_of(type(config))}


def tiny_model(name: str, size: tuple[int, int] = (16, 16), channels: int = 3, **options: Any) -> Model:
    """A tiny, untrained model, the same each time."""
    torch.manual_seed(0)
    model_class = catalogue.model_class(name)
    config_class = model_class.Config
    values = {"size": size, "channels": channels, **tiny_options(name), **options}
    if issubclass(config_class, configs.LabelledConfig | configs.ConditionedConfig):
        values["class_names"] = ("one", "other")
    if issubclass(config_class, configs.LayeredConfig):
        maps = {"labels": 3, "ids": 1}
        values["layer_channels"] = {layer: maps.get(layer, channels) for layer in config_class.input_layers}
    return model_class(configs.build(model_class.Config, values, name))


def tiny_images(name: str, pictures: Any = None) -> Any:
    """Images that a model can train on: a set a source, with its layers, and labels if it needs any.

    pictures: of each source, as for `open_images`, in reverse order in a second one, since equal ones are refused; by
        default sprites of `shapes`, others in each source, and outlines with the sprites as pairs of an input and a
        target.
    """
    model_class = catalogue.model_class(name)
    config_class = model_class.Config
    labelled = issubclass(config_class, configs.LabelledConfig | configs.ConditionedConfig)
    labelled = labelled or any(feed.needs_labels for feed in model_class.feeds.values())
    sources = {}
    for place, source in enumerate(config_class.sources):
        given = sprites(seed=10 * place) if pictures is None else pictures
        if pictures is None and config_class.input_layers == ("input", "target"):
            opened = iw.open_images({"input": sprites("outlines"), "target": given})
        elif len(config_class.input_layers) > 1:
            count, channels, *size = np.shape(given)
            opened = layered_images(config_class.input_layers, count, (size[0], size[1]), channels, seed=10 * place)
        else:
            opened = iw.open_images(given)
            if place and pictures is not None:
                opened = opened.subset(np.arange(len(opened))[::-1])
        if labelled:
            opened = opened.with_labels(np.arange(len(opened)) % 2, ("one", "other"))
        sources[source] = opened
    return sources if len(sources) > 1 else next(iter(sources.values()))


def layered_images(
    names: tuple[str, ...], count: int = 32, size: tuple[int, int] = (16, 16), channels: int = 3, seed: int = 0
) -> iw.Images:
    """A set whose pictures have layers of these names: label maps of 3 classes, instance ids, or pictures."""
    bright = simple_pictures(count, size, channels, seed).max(1, keepdims=True) > 100
    arrays = {"labels": np.where(bright, 2, 0).astype(np.uint8), "ids": np.where(bright, 9, 1).astype(np.uint8)}
    kinds = {name: {"labels": "labels:3", "ids": "ids"}[name] for name in names if name in arrays}
    layers = {
        name: arrays.get(name, simple_pictures(count, size, channels, seed + place)) for place, name in enumerate(names)
    }
    return iw.open_images(layers, kinds=kinds or None)


def train_tiny(name: str, pictures: Any = None, out: Path | None = None, *, steps: int = 4, **options: Any) -> Run:
    """Train the tiny preset for a few steps of 8 pictures; one report, at the end, unless the options say otherwise."""
    total = steps * BATCH
    usual = {"images_seen": total, "batch_size": BATCH, "report_every": total, "checkpoint_every": total}
    options = tiny_options(name) | usual | options
    if catalogue.model_class(name).Config.needs_consent:
        options = {"consent": "self"} | options
    reporter = options.pop("reporter", None) or Silent()
    return iw.train(name, tiny_images(name, pictures), out=out, reporter=reporter, **options)


def stopped_after(name: str, out: Path, *, steps: int, stop_at: int, pictures: Any = None, **options: Any) -> Run:
    """As `train_tiny`, ended by a request after some steps."""
    stop = iw.StopRequest()

    class StopsIt(iw.Observer):
        every = BATCH

        def at(self, images_seen: int, line: object) -> None:
            stop.asked = stop.asked or images_seen >= stop_at * BATCH

    with pytest.raises(iw.Stopped):
        train_tiny(name, pictures, out=out, steps=steps, stop=stop, observers=[StopsIt()], **options)
    return Run(out)


class Messages(Silent):
    """A reporter that collects messages."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def message(self, text: str) -> None:
        self.texts.append(text)


def plan(**changes: Any) -> Plan:
    """The numbers of a training of 8 pictures a step."""
    usual = {
        "images_seen": 800,
        "batch_size": BATCH,
        "micro_batch": BATCH,
        "learning_rate": 1e-3,
        "ema_half_life": 0,
    }
    return Plan(**(usual | changes))


def engine_of(model: Model, **changes: Any) -> Engine:
    """An engine on the CPU, without averages unless the changes to the plan say so."""
    return Engine(model, plan(**changes), torch.device("cpu"))


def batch_of(count: int = BATCH, size: tuple[int, int] = (16, 16), channels: int = 3, seed: int = 0) -> Batch:
    """Simple pictures as the feed hands them to the engine, of two classes in turn."""
    return Batch(torch.from_numpy(simple_pictures(count, size, channels, seed)), torch.arange(count) % 2)


def fill_weights(model: Model, seed: int = 0) -> None:
    """Fill every parameter at random, also the ones that start at zero (branches, noise strengths)."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            values = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim > 1:
                values /= parameter[0].numel() ** 0.5
            elif key.endswith("weight"):  # of a norm
                values = 1 + 0.1 * values
            else:
                values *= 0.1
            parameter.copy_(values)


def batches_of(name: str, seed: int = 0, count: int = BATCH) -> dict[str, Batch]:
    """A batch of `count` rows for each of a model's feeds, as training would make them."""
    model_class = catalogue.model_class(name)
    images = tiny_images(name)
    sources = images if isinstance(images, dict) else {model_class.Config.sources[0]: images}
    readers = build_readers(model_class, sources, seed, np.empty(0, np.int64))
    return {feed: reader.batch(np.arange(count)) for feed, reader in readers.items()}


def final_bytes(run: Run) -> dict[str, bytes]:
    """What a training must leave the same however often it was interrupted: its last checkpoint, and its grids.

    A grid names its run's folder: runs to be compared have folders of one name.
    """
    last = run.checkpoints()[-1]
    return {path.name: path.read_bytes() for path in (last.weights, last.state, *run.path.glob("samples/*.png"))}
