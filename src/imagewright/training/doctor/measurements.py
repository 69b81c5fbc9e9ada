"""Measurements of a model at one point of its training, without side effects on the training.

Random numbers have seeds of their own, and the model's mode and buffers are restored, so that a training with the
doctor ends with the same bytes as one without. They are made on the main rank alone, without exchanges between ranks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from imagewright.capabilities import samples_classes, verbs_of
from imagewright.images import Batch, Images
from imagewright.images.shard_places import without_absent
from imagewright.losses.likelihoods import gaussian_divergence
from imagewright.model import Model
from imagewright.phases import Draws, Rows
from imagewright.pixels import to_float
from imagewright.seeds import derive_seed
from imagewright.training.data.feeds import FeedReader, build_readers
from imagewright.training.doctor import sample_distances
from imagewright.training.doctor.gradient_norms import relative_steps
from imagewright.training.doctor.picture_rules import COLLAPSED_CLASS
from imagewright.training.engine import Engine, as_rows
from imagewright.training_capabilities import fits_density, has_posterior, is_adversarial, swaps_identities
from imagewright.verbs.apply import decode, reconstruct, sample_latents

if TYPE_CHECKING:
    from imagewright.training.doctor.likeness import LikenessExaminer

PICTURES = 64  # samples, or training images, of one measurement
COMPARED = 32  # training images, and as many held-out ones, whose logits are compared with those of samples
SAVED_BYTES = 2**26  # at most, of training images at their full size, and the same of held-out ones
REFERENCES = 4096  # training images whose small copies samples are compared with
REFERENCES_DECODED = 512  # the same for images without a cache, which are slow to read
READ_AT_ONCE = 256  # images
MEASURED_CLASSES = 10  # at most, of a model that samples classes
OF_A_CLASS = 8  # samples of each
DEAD = 0.01  # nats: a latent with a smaller mean divergence from its prior carries no information

Figures = dict[str, float]
"""Measured values by name: see the table in docs/doctor.md."""


class Examiner:
    """Measures a model; it holds the training images and held-out images that measurements need.

    model: the model in training.
    sources: images by the name of the source. References and held-out images are from the first source.
    held_out: int64 indices in the first source that training never uses.
    seed: of the run.
    """

    def __init__(self, model: Model, sources: Mapping[str, Images], held_out: np.ndarray, seed: int) -> None:
        self.model, self.seed = model, seed
        images = next(iter(sources.values()))
        generator, unused = np.random.default_rng(derive_seed(seed, "doctor")), held_out
        sampled = generator.choice(len(images), min(len(images), 2 * REFERENCES), replace=False)
        trained = np.setdiff1d(sampled, held_out, assume_unique=True)
        trained = without_absent(images, generator.permutation(trained))
        held_out = without_absent(images, held_out)
        size = images.channels * images.height * images.width
        saved = max(2, min(4 * PICTURES, SAVED_BYTES // size))
        self.trained = images.batch(trained[:saved])
        self.held_out = images.batch(generator.permutation(held_out)[:saved]) if len(held_out) else None
        self._images, self._trained = images, trained
        self.roughness = sample_distances.roughness(self.trained.images)
        self.class_distance = _distance_within_classes(self.trained)
        # The discriminators of a model with several feeds need rows of all feeds. There are no held-out rows then,
        # since images are held out of the first source alone.
        self.readers: dict[str, FeedReader] = {}
        self.likeness: LikenessExaminer | None = None
        if swaps_identities(model) and len(sources) > 1:
            from imagewright.training.doctor import likeness  # imports SciPy, which takes long, for faces alone

            self.likeness = likeness.LikenessExaminer(model, sources)
        if len(model.feeds) > 1:
            self.held_out = None
            self.readers = build_readers(model, sources, derive_seed(seed, "doctor"), unused)

    @cached_property
    def references(self) -> sample_distances.References:
        """Small copies of training images, made at the first measurement, so that the first step need not wait."""
        return _build_references(self._images, self._trained)

    def measure(self, engine: Engine, images_seen: int) -> Figures:
        """All figures that this model has. Reads and resets the engine's gradient norms.

        engine: of the model.
        images_seen: the point of the training; it seeds the random numbers.
        """
        norms = engine.gradient_norms.read()
        if engine.scaler.is_enabled():  # while it searches for a scale, gradients overflow and such steps are skipped
            norms = {name: norm for name, norm in norms.items() if not name.endswith("/not_finite")}
        figures = norms | relative_steps(engine.networks, engine.optimizers)
        model, seed = self.model, derive_seed(self.seed, "doctor", images_seen)
        with _preserve(model):
            torch.manual_seed(seed)  # for layers that sample themselves, such as dropout
            figures |= self._measure_discriminators(seed)
            with engine.averages.in_place(model):
                figures |= self._measure_images() | self._measure_posterior(seed)
                if self.likeness is not None:
                    figures |= self.likeness.measure()
        # Figures of a diverging model may not be finite; the gradient norms report that.
        return {name: float(f"{figure:.6g}") for name, figure in figures.items() if math.isfinite(figure)}

    def _sample_latents(self) -> Tensor:
        """The same latents at each measurement, except for conditions, whose distribution a model learns."""
        return sample_latents(self.model, PICTURES, derive_seed(self.seed, "doctor"))

    def _measure_images(self) -> Figures:
        """Distances among samples, or else among reconstructions, relative to those among training images; copies."""
        model, references = self.model, self.references
        if len(references.pictures) < 2:  # there are no distances among them
            return {}
        if "sample" in verbs_of(model):
            samples = decode(model, self._sample_latents())
            figures = _measure_samples(sample_distances.shrink(samples), references)
            rough = {"samples/roughness": sample_distances.roughness(samples), "training/roughness": self.roughness}
            return figures | rough | self._measure_classes()
        if "reconstruct" in verbs_of(model) and references.mean_distance:
            rebuilt = sample_distances.shrink(reconstruct(model, self.trained.images[:PICTURES]))
            return {"reconstructions/spread": sample_distances.mean_distance(rebuilt) / references.mean_distance}
        return {}

    def _measure_classes(self) -> Figures:
        """Distances among samples of each class, relative to those among training images of a class."""
        model = self.model
        if not samples_classes(model) or not self.class_distance:
            return {}
        seed, classes = derive_seed(self.seed, "doctor", "classes"), len(model.class_names)
        chosen = np.unique(np.linspace(0, classes - 1, MEASURED_CLASSES).round().astype(int)).tolist()
        latents = [sample_latents(model, OF_A_CLASS, seed, label=model.class_names[each]) for each in chosen]
        samples = sample_distances.shrink(decode(model, torch.cat(latents))).split(OF_A_CLASS)
        spreads = [sample_distances.mean_distance(each) / self.class_distance for each in samples]
        return {
            "samples/classes": float(len(chosen)),
            "samples/class_spread": float(np.mean(spreads)),
            "samples/collapsed_classes": float(sum(each < COLLAPSED_CLASS for each in spreads)),
        }

    def _measure_discriminators(self, seed: int) -> Figures:
        """Comparisons of each discriminator's logits of training, held-out and generated images, in training mode.

        The generator has its trained weights, not their average. Training and held-out images are in one batch, so
        that they get the same batch statistics.
        """
        model = self.model
        if not is_adversarial(model):
            return {}
        model.train()
        rows, trained = self._rows(seed)
        if trained < 2:  # batch statistics, and spreads of logits, are of two images at least
            return {}
        count = len(rows[next(iter(model.feeds))].images) // next(iter(model.feeds.values())).repeats
        generator = torch.Generator(device=model.device).manual_seed(derive_seed(self.seed, "doctor"))
        with torch.inference_mode():
            logits_by_name = model.logits(rows, Draws(generator, count, 0, count))
        figures: Figures = {}
        for name, logits in logits_by_name.items():
            real, fake = (
                each.float().flatten(1).mean(1).cpu() if each.ndim > 1 else each.float().cpu() for each in logits
            )
            figures |= _compare_logits(name, real[:trained], real[trained:], fake)
        return figures

    def _rows(self, seed: int) -> tuple[dict[str, Rows], int]:
        """Rows of each feed on the model's device, and the number of training images in the first feed.

        These come first; the others are held-out images.
        """
        if self.readers:
            positions = np.arange(COMPARED) + seed % 2**32
            batches = {name: reader.batch(positions) for name, reader in self.readers.items()}
            trained = COMPARED * next(iter(self.readers.values())).repeats
        else:
            chosen = _sample_rows(self.trained, COMPARED, seed)
            both = chosen
            if self.held_out is not None:
                both = _concatenate(chosen, _sample_rows(self.held_out, COMPARED, seed))
            batches, trained = {next(iter(self.model.feeds)): both}, len(chosen.images)
        device = self.model.device
        return {name: as_rows(batch.map(lambda part: part.to(device))) for name, batch in batches.items()}, trained

    def _measure_posterior(self, seed: int) -> Figures:
        """The divergence of the posterior from the prior in nats, the number of latents that carry nothing, and how far
        the latents of training images are from the prior together.
        """
        model = self.model
        if not has_posterior(model):
            return {}
        model.eval()
        batch = _sample_rows(self.trained, PICTURES, seed).map(lambda part: part.to(model.device))
        with torch.inference_mode():
            images = to_float(batch.images)
            nats = model.divergences(images, labels=batch.labels, attributes=batch.attributes).mean(0)
            aggregate: Figures = _compare_aggregate(*model.encode_posterior(images)) if fits_density(model) else {}
        return aggregate | {
            "posterior/nats": float(nats.sum()),
            "posterior/latents": float(len(nats)),
            "posterior/dead": float((nats < DEAD).sum()),
        }


def _compare_aggregate(means: Tensor, log_variances: Tensor) -> Figures:
    """How the aggregate posterior differs from the prior: nats over all latents, and deviations of single latents.

    Each latent by itself, as a Gaussian with its mean and variance over the images: a lower bound of the divergence.

    means, log_variances: of posteriors, (N, Z) each.
    """
    if len(means) < 2:  # which have no variance
        return {}
    means, variances = means.double(), log_variances.double().exp()
    centre, spread = means.mean(0), means.var(0) + variances.mean(0)
    deviations = spread.sqrt()
    return {
        "aggregate/nats": float(gaussian_divergence(centre, spread.log()).sum()),
        "aggregate/largest_deviation": float(deviations.max()),
        "aggregate/median_deviation": float(deviations.median()),
    }


def _build_references(images: Images, trained: np.ndarray) -> sample_distances.References:
    """Small copies of the first of the training images `trained` (indices)."""
    chosen = trained[: REFERENCES if images.cached else REFERENCES_DECODED]
    parts = [images.batch(indices).images for indices in np.array_split(chosen, -(-len(chosen) // READ_AT_ONCE))]
    return sample_distances.References(
        torch.cat([sample_distances.shrink(part) for part in parts]), mirrored=images.flip
    )


def _distance_within_classes(batch: Batch) -> float:
    """The mean distance between two images of one class; of any two if there are no labels."""
    small = sample_distances.shrink(batch.images)
    labels = torch.zeros(len(small), dtype=torch.int64) if batch.labels is None else batch.labels
    groups = [small[labels == label] for label in labels.unique()]
    found = [(len(each) * (len(each) - 1), sample_distances.mean_distance(each)) for each in groups if len(each) > 1]
    return sum(pairs * distance for pairs, distance in found) / sum(pairs for pairs, _ in found) if found else 0.0


def _measure_samples(samples: Tensor, references: sample_distances.References) -> Figures:
    """Copies among small samples (N, D), and distances relative to those among references, unless these are 0."""
    figures = {"samples/copies": references.copy_share(samples), "training/copies": references.duplicate_share()}
    if references.mean_distance:
        figures["samples/spread"] = sample_distances.mean_distance(samples) / references.mean_distance
    if references.nearest_distance:
        figures["samples/nearest"] = sample_distances.nearest_distance(samples) / references.nearest_distance
    return figures


def _sample_rows(batch: Batch, count: int, seed: int) -> Batch:
    """`count` random rows of a batch, or all if there are fewer. The seed is another one at each measurement."""
    chosen = torch.randperm(len(batch.images), generator=torch.Generator().manual_seed(seed))[:count]
    return batch.rows(chosen)


def _concatenate(first: Batch, second: Batch) -> Batch:
    def both(one: Tensor | None, other: Tensor | None) -> Tensor | None:
        return None if one is None or other is None else torch.cat([one, other])

    images = torch.cat([first.images, second.images])
    layers = {name: torch.cat([layer, second.layers[name]]) for name, layer in first.layers.items()}
    return Batch(images, both(first.labels, second.labels), both(first.attributes, second.attributes), layers)


def _compare_logits(name: str, real: Tensor, held_out: Tensor, fake: Tensor) -> Figures:
    """Comparisons of a discriminator's logits (N,) of training, held-out and generated images.

    name: of the discriminator.
    real, held_out, fake: logits; `held_out` may be empty.
    """
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
    """The pooled standard deviation within two sets of numbers (N,)."""
    return max(1e-12, float((first.var() + second.var()) / 2) ** 0.5)


@contextmanager
def _preserve(model: Model) -> Iterator[None]:
    """Restore the modes and buffers of a model, and torch's random generators, at the end of the block."""
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
