"""Figures of a model's health at one point of its training, found without leaving a trace in it.

What is drawn here has seeds of its own, and the model gets back its mode and every buffer: a training that is examined
ends with the same bytes as one that is not. Only the main rank examines; nothing here is exchanged between ranks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from imagewright.capabilities import Decodes, has_posterior, judges, require, verbs_of
from imagewright.images import Batch, Images
from imagewright.model import Model
from imagewright.pixels import to_float
from imagewright.seeds import derive_seed
from imagewright.training.doctor import sample_distances as likeness
from imagewright.training.doctor.gradient_norms import relative_steps
from imagewright.training.engine import Engine
from imagewright.verbs.apply import decode, reconstruct, sample_latents

PICTURES = 64  # samples, or training pictures, of one examination
JUDGED = 32  # samples, training pictures and held-out pictures that a discriminator judges in one
KEPT_BYTES = 2**26  # of training pictures, and as many of held-out ones, at their full size
REFERENCES = 4096  # training pictures that samples are compared with
REFERENCES_DECODED = 512  # where each one has to be read from its file: such sets are too large to be remembered
READ_AT_ONCE = 256
DEAD = 0.01  # nats: a latent whose posterior says less of a picture than this says nothing

Figures = dict[str, float]


class Examiner:
    """Keeps what examinations compare with: some training pictures, and those held out."""

    def __init__(self, model: Model, images: Images, held_out: np.ndarray, seed: int) -> None:
        self.model, self.seed = model, seed
        generator = np.random.default_rng(derive_seed(seed, "doctor"))
        some = generator.choice(len(images), min(len(images), 2 * REFERENCES), replace=False)
        trained = np.setdiff1d(some, held_out, assume_unique=True)
        trained = generator.permutation(trained)
        size = images.channels * images.height * images.width
        kept = max(2, min(4 * PICTURES, KEPT_BYTES // size))
        self.trained = images.batch(trained[:kept])
        self.held_out = images.batch(generator.permutation(held_out)[:kept]) if len(held_out) else None
        self.references = _references(images, trained)

    def figures(self, engine: Engine, images_seen: int) -> Figures:
        """Every figure that this model has, by name. The engine's gradient norms are read, and start anew."""
        norms = engine.gradient_norms.read()
        if engine.scaler.is_enabled():  # its search for a scale oversteps now and then, and skips such steps
            norms = {name: norm for name, norm in norms.items() if not name.endswith("/not_finite")}
        figures = norms | relative_steps(engine.networks, engine.optimizers)
        model, seed = self.model, derive_seed(self.seed, "doctor", images_seen)
        with _untouched(model):
            torch.manual_seed(seed)  # for what a network draws by itself: dropout
            if "sample" in verbs_of(model):
                figures |= self._of_game(seed)
            with engine.averages.in_place(model):
                figures |= self._of_pictures() | self._of_posterior(seed)
        # A model about to break down has figures that are no numbers: the gradients say so in a word.
        return {name: float(f"{figure:.6g}") for name, figure in figures.items() if math.isfinite(figure)}

    def _latents(self) -> Tensor:
        """The same at each examination, but for the conditions that a model has learned to draw."""
        return sample_latents(self.model, PICTURES, derive_seed(self.seed, "doctor"))

    def _of_pictures(self) -> Figures:
        """How the samples, or else the rebuilt pictures, are spread beside the data; how many are copies."""
        model, usual = self.model, self.references
        if "sample" in verbs_of(model):
            return _of_samples(likeness.small(decode(model, self._latents())), usual)
        if "reconstruct" in verbs_of(model):
            rebuilt = likeness.small(reconstruct(model, self.trained.images[:PICTURES]))
            return {"reconstructions/spread": likeness.spread(rebuilt) / usual.spread} if usual.spread else {}
        return {}

    def _of_game(self, seed: int) -> Figures:
        """What the discriminator makes of training, held-out and generated pictures, as it meets them in training.

        The generator is the one that it plays against, not its average. Training and held-out pictures go through in
        one batch, so that batch normalisation cannot tell them apart.
        """
        model = self.model
        if not judges(model):
            return {}
        model.train()
        device, latents = model.device, self._latents()[:JUDGED].to(model.device)
        trained = _some(self.trained, JUDGED, seed)
        both = trained if self.held_out is None else _joined(trained, _some(self.held_out, JUDGED, seed))
        with torch.inference_mode():
            fake = model.judge(require(model, Decodes).decode(latents), latents=latents).float().cpu()
            labels, attributes = (
                None if known is None else known.to(device) for known in (both.labels, both.attributes)
            )
            real = model.judge(to_float(both.images.to(device)), labels=labels, attributes=attributes).float().cpu()
        real, held = real[: len(trained.images)], real[len(trained.images) :]
        figures = {
            "discriminator/training_over_samples": _share_above(real, fake),
            "discriminator/distance": float((real.mean() - fake.mean()) / _deviation(real, fake)),
        }
        if len(held):
            figures["discriminator/training_over_held_out"] = _share_above(real, held)
            figures["discriminator/held_out_over_samples"] = _share_above(held, fake)
            figures["discriminator/held_out"] = float(len(held))
        return figures

    def _of_posterior(self, seed: int) -> Figures:
        """How many nats the latents say of a picture, and how many of them say anything."""
        model = self.model
        if not has_posterior(model):
            return {}
        model.eval()
        some = _some(self.trained, PICTURES, seed)
        labels, attributes = (
            None if known is None else known.to(model.device) for known in (some.labels, some.attributes)
        )
        with torch.inference_mode():
            images = to_float(some.images.to(model.device))
            nats = model.divergences(images, labels=labels, attributes=attributes).mean(0)
        return {
            "posterior/nats": float(nats.sum()),
            "posterior/latents": float(len(nats)),
            "posterior/dead": float((nats < DEAD).sum()),
        }


def _references(images: Images, trained: np.ndarray) -> likeness.References:
    chosen = trained[: REFERENCES if images.cached else REFERENCES_DECODED]
    parts = [images.batch(some).images for some in np.array_split(chosen, -(-len(chosen) // READ_AT_ONCE))]
    return likeness.References(torch.cat([likeness.small(part) for part in parts]), mirrored=images.flip)


def _of_samples(made: Tensor, usual: likeness.References) -> Figures:
    """Distances among samples as shares of the data's own, which a set of equal pictures does not have; copies."""
    figures = {"samples/copies": usual.copies(made), "training/copies": usual.usual_copies()}
    if usual.spread:
        figures["samples/spread"] = likeness.spread(made) / usual.spread
    if usual.nearest:
        figures["samples/nearest"] = likeness.nearest(made) / usual.nearest
    return figures


def _some(batch: Batch, count: int, seed: int) -> Batch:
    """Other pictures at each examination, so that several together judge all."""
    chosen = torch.randperm(len(batch.images), generator=torch.Generator().manual_seed(seed))[:count]
    return Batch(
        batch.images[chosen], *(None if known is None else known[chosen] for known in (batch.labels, batch.attributes))
    )


def _joined(first: Batch, second: Batch) -> Batch:
    def both(one: Tensor | None, other: Tensor | None) -> Tensor | None:
        return None if one is None or other is None else torch.cat([one, other])

    images = torch.cat([first.images, second.images])
    return Batch(images, both(first.labels, second.labels), both(first.attributes, second.attributes))


def _share_above(first: Tensor, second: Tensor) -> float:
    """How often one of the first is above one of the second: 0.5 where they are alike, 1 where all are."""
    difference = first[:, None] - second[None]
    return float((difference > 0).float().mean() + 0.5 * (difference == 0).float().mean())


def _deviation(first: Tensor, second: Tensor) -> float:
    """The standard deviation within two sets of numbers."""
    return max(1e-12, float((first.var() + second.var()) / 2) ** 0.5)


@contextmanager
def _untouched(model: Model) -> Iterator[None]:
    """Within the block, forward passes in training mode may move running statistics: afterwards they have not."""
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
