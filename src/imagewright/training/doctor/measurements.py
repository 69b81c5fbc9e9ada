"""Measurements of a model's health at one point of its training, without side effects on it.

Random numbers come from seeds of their own, and the model's mode and buffers are restored: a training that is examined
ends with the same bytes as one that is not. Only the main rank examines; nothing here is exchanged between ranks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from imagewright.capabilities import verbs_of
from imagewright.images import Batch, Images
from imagewright.model import Model
from imagewright.phases import Draws, Rows
from imagewright.pixels import to_float
from imagewright.seeds import derive_seed
from imagewright.training.data.feeds import FeedReader, build_readers
from imagewright.training.doctor import sample_distances
from imagewright.training.doctor.gradient_norms import relative_steps
from imagewright.training.engine import Engine, as_rows
from imagewright.training_capabilities import has_posterior, is_adversarial
from imagewright.verbs.apply import decode, reconstruct, sample_latents

PICTURES = 64  # samples, or training images, of one examination
COMPARED = 32  # training images, and as many held-out ones, whose logits are compared with those of samples
SAVED_BYTES = 2**26  # of training images, and as many of held-out ones, at their full size
REFERENCES = 4096  # training images that samples are compared with
REFERENCES_DECODED = 512  # of sets that are decoded as they are read, which are too large to hold small copies of
READ_AT_ONCE = 256
DEAD = 0.01  # nats: a latent with a smaller mean divergence from its prior carries no information

Figures = dict[str, float]


class Examiner:
    """Holds what examinations compare with: some training images, and some held-out ones."""

    def __init__(self, model: Model, sources: Mapping[str, Images], held_out: np.ndarray, seed: int) -> None:
        self.model, self.seed = model, seed
        images = next(iter(sources.values()))
        generator = np.random.default_rng(derive_seed(seed, "doctor"))
        some = generator.choice(len(images), min(len(images), 2 * REFERENCES), replace=False)
        trained = np.setdiff1d(some, held_out, assume_unique=True)
        trained = generator.permutation(trained)
        size = images.channels * images.height * images.width
        saved = max(2, min(4 * PICTURES, SAVED_BYTES // size))
        self.trained = images.batch(trained[:saved])
        self.held_out = images.batch(generator.permutation(held_out)[:saved]) if len(held_out) else None
        self.references = _references(images, trained)
        # A model of several feeds is examined on rows of all of them; held-out images are of the first alone.
        self.readers: dict[str, FeedReader] = {}
        if len(model.feeds) > 1:
            self.held_out = None
            self.readers = build_readers(model, sources, derive_seed(seed, "doctor"), held_out)

    def figures(self, engine: Engine, images_seen: int) -> Figures:
        """Every figure that this model has, by name. Reads and resets the engine's gradient norms."""
        norms = engine.gradient_norms.read()
        if engine.scaler.is_enabled():  # its search for a scale overflows now and then, and skips such steps
            norms = {name: norm for name, norm in norms.items() if not name.endswith("/not_finite")}
        figures = norms | relative_steps(engine.networks, engine.optimizers)
        model, seed = self.model, derive_seed(self.seed, "doctor", images_seen)
        with _untouched(model):
            torch.manual_seed(seed)  # for layers that sample by themselves: dropout
            figures |= self._of_discriminators(seed)
            with engine.averages.in_place(model):
                figures |= self._of_images() | self._of_posterior(seed)
        # Figures of a model that breaks down may not be finite: the gradient norms report that.
        return {name: float(f"{figure:.6g}") for name, figure in figures.items() if math.isfinite(figure)}

    def _latents(self) -> Tensor:
        """The same at each examination, except for conditions, whose distribution a model learns."""
        return sample_latents(self.model, PICTURES, derive_seed(self.seed, "doctor"))

    def _of_images(self) -> Figures:
        """Distances among samples, or else among reconstructions, as shares of those among the data; copies."""
        model, usual = self.model, self.references
        if "sample" in verbs_of(model):
            return _of_samples(sample_distances.small(decode(model, self._latents())), usual)
        if "reconstruct" in verbs_of(model):
            rebuilt = sample_distances.small(reconstruct(model, self.trained.images[:PICTURES]))
            return {"reconstructions/spread": sample_distances.spread(rebuilt) / usual.spread} if usual.spread else {}
        return {}

    def _of_discriminators(self, seed: int) -> Figures:
        """Logits of training, held-out and generated images, compared, in training mode.

        The generator is the trained one, not its average. Training and held-out images are one batch, so that batch
        normalisation cannot tell them apart.
        """
        model = self.model
        if not is_adversarial(model):
            return {}
        model.train()
        rows, trained = self._rows(seed)
        count = len(rows[next(iter(model.feeds))].images) // next(iter(model.feeds.values())).repeats
        generator = torch.Generator(device=model.device).manual_seed(derive_seed(self.seed, "doctor"))
        with torch.inference_mode():
            found = model.logits(rows, Draws(generator, count, 0, count))
        figures: Figures = {}
        for name, logits in found.items():
            real, fake = (
                each.float().flatten(1).mean(1).cpu() if each.ndim > 1 else each.float().cpu() for each in logits
            )
            figures |= _of_logits(name, real[:trained], real[trained:], fake)
        return figures

    def _rows(self, seed: int) -> tuple[dict[str, Rows], int]:
        """Rows of each feed on the model's device, and how many of the first feed are training images."""
        if self.readers:
            positions = np.arange(COMPARED) + seed % 2**32
            batches = {name: reader.batch(positions) for name, reader in self.readers.items()}
            trained = COMPARED * next(iter(self.readers.values())).repeats
        else:
            some = _some(self.trained, COMPARED, seed)
            both = some if self.held_out is None else _joined(some, _some(self.held_out, COMPARED, seed))
            batches, trained = {next(iter(self.model.feeds)): both}, len(some.images)
        device = self.model.device
        return {name: as_rows(batch.map(lambda part: part.to(device))) for name, batch in batches.items()}, trained

    def _of_posterior(self, seed: int) -> Figures:
        """The divergence of the posterior from the prior in nats, and how many latents carry any."""
        model = self.model
        if not has_posterior(model):
            return {}
        model.eval()
        some = _some(self.trained, PICTURES, seed)
        some = some.map(lambda part: part.to(model.device))
        with torch.inference_mode():
            images = to_float(some.images)
            nats = model.divergences(images, labels=some.labels, attributes=some.attributes).mean(0)
        return {
            "posterior/nats": float(nats.sum()),
            "posterior/latents": float(len(nats)),
            "posterior/dead": float((nats < DEAD).sum()),
        }


def _references(images: Images, trained: np.ndarray) -> sample_distances.References:
    chosen = trained[: REFERENCES if images.cached else REFERENCES_DECODED]
    parts = [images.batch(some).images for some in np.array_split(chosen, -(-len(chosen) // READ_AT_ONCE))]
    return sample_distances.References(
        torch.cat([sample_distances.small(part) for part in parts]), mirrored=images.flip
    )


def _of_samples(made: Tensor, usual: sample_distances.References) -> Figures:
    """Distances among samples as shares of the data's own, which a set of equal pictures does not have; copies."""
    figures = {"samples/copies": usual.copies(made), "training/copies": usual.usual_copies()}
    if usual.spread:
        figures["samples/spread"] = sample_distances.spread(made) / usual.spread
    if usual.nearest:
        figures["samples/nearest"] = sample_distances.nearest(made) / usual.nearest
    return figures


def _some(batch: Batch, count: int, seed: int) -> Batch:
    """Different images at each examination, so that several examinations together cover all."""
    chosen = torch.randperm(len(batch.images), generator=torch.Generator().manual_seed(seed))[:count]
    return batch.rows(chosen)


def _joined(first: Batch, second: Batch) -> Batch:
    def both(one: Tensor | None, other: Tensor | None) -> Tensor | None:
        return None if one is None or other is None else torch.cat([one, other])

    images = torch.cat([first.images, second.images])
    layers = {name: torch.cat([layer, second.layers[name]]) for name, layer in first.layers.items()}
    return Batch(images, both(first.labels, second.labels), both(first.attributes, second.attributes), layers)


def _of_logits(name: str, real: Tensor, held_out: Tensor, fake: Tensor) -> Figures:
    """Comparisons of a discriminator's logits (N,) of training, held-out and generated images."""
    figures = {
        f"{name}/training_over_samples": _share_above(real, fake),
        f"{name}/distance": float((real.mean() - fake.mean()) / _deviation(real, fake)),
    }
    if len(held_out):
        figures[f"{name}/training_over_held_out"] = _share_above(real, held_out)
        figures[f"{name}/held_out_over_samples"] = _share_above(held_out, fake)
        figures[f"{name}/held_out"] = float(len(held_out))
    return figures


def _share_above(first: Tensor, second: Tensor) -> float:
    """P(a number of the first > a number of the second), ties counted half: 0.5 for equal distributions."""
    difference = first[:, None] - second[None]
    return float((difference > 0).float().mean() + 0.5 * (difference == 0).float().mean())


def _deviation(first: Tensor, second: Tensor) -> float:
    """The standard deviation within two sets of numbers."""
    return max(1e-12, float((first.var() + second.var()) / 2) ** 0.5)


@contextmanager
def _untouched(model: Model) -> Iterator[None]:
    """Restore the modes and buffers of a model, and torch's generators, at the end of the block."""
    was_training = {module: module.training for module in model.modules()}
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    device = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(device):
        try:
            yield
        finally:
            with torch.no_grad():
                for name, buffer in model.named_buffers():
                    buffer.copy_(buffers[name])
            for module, training in was_training.items():
                module.training = training
