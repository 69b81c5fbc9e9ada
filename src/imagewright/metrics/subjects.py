"""What is evaluated, and what it is held against: pictures by number, from a model, a folder or any other source."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import latent_parts_of, samples_classes, verbs_of
from imagewright.errors import DataError, UserError
from imagewright.images import Images, open_images
from imagewright.model import Model
from imagewright.runs.loading import load
from imagewright.runs.run import RECORD, Run
from imagewright.seeds import derive_seed
from imagewright.verbs.apply import ImagesLike, RunLike, decode, sample_numbered_latents

Source = ImagesLike
LATENTS_AT_ONCE = 256


class OpenedPictures:
    """The pictures of a source."""

    def __init__(self, images: Images) -> None:
        self.images = images
        self._one_thread = threading.Lock()

    def __len__(self) -> int:
        return len(self.images)

    def pictures(self, rows: np.ndarray) -> Tensor:
        """uint8 (n, C, H, W) of the rows int64 (n,)."""
        with self._one_thread:
            return self.images.batch(rows).images


class SampledPictures:
    """`count` samples of a model: row k is sample k of the seed, made anew each time it is asked for."""

    def __init__(self, model: Model, count: int, seed: int) -> None:
        self.model, self.count, self.seed = model, count, seed
        # Verbs bring a model out of training and back again: another thread must not be at work in it meanwhile.
        self._one_thread = threading.Lock() if model.training else nullcontext()

    def __len__(self) -> int:
        return self.count

    def pictures(self, rows: np.ndarray) -> Tensor:
        """uint8 (n, C, H, W) of the rows int64 (n,)."""
        with self._one_thread:
            return decode(self.model, sample_numbered_latents(self.model, rows.tolist(), self.seed))

    def labels(self) -> np.ndarray | None:
        """int64 (N,), the class that each was asked for; None where the model is told of none."""
        if not samples_classes(self.model):
            return None
        # A category that a model found by itself says nothing of the classes of pictures.
        told = [part for part in latent_parts_of(self.model) if part.kind == "category" and not part.code]
        if not told:
            return None
        numbers = torch.arange(self.count).split(LATENTS_AT_ONCE)
        latents = (sample_numbered_latents(self.model, part.tolist(), self.seed).flatten(1) for part in numbers)
        return torch.cat([part[:, told[0].places].argmax(1) for part in latents]).numpy()


@dataclass
class Subject:
    """What is evaluated: `name` as it was given, the model or the images, size (height, width) and channels.

    run and images_seen: where a run made them. `count` pictures are judged.
    """

    name: str
    pictures: OpenedPictures | SampledPictures
    size: tuple[int, int]
    channels: int
    model: Model | None = None
    images: Images | None = None
    run: Run | None = None
    images_seen: int | None = None


def open_subject(
    subject: RunLike | Source,
    *,
    count: int | None,
    seed: int,
    size: tuple[int, int] | None = None,
    images_seen: int | None = None,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Subject:
    """A run, a model or any source of pictures, ready to be judged.

    `count`: samples of a model; pictures of a source, chosen by the seed where it has more (None: all). `size`: of a
    source, None for its own; a model has one size. `images_seen`: a checkpoint of the run. `progress`: while pictures
    are decoded for the first time.
    """
    if count is not None and count < 1:
        raise UserError(f"count={count}, but at least one picture must be judged.")
    if is_run(subject):
        return _of_model(subject, count, seed, images_seen, device)  # type: ignore[arg-type]
    images = chosen(open_source(subject, size).prepare(progress), count, seed)  # type: ignore[arg-type]
    return Subject(images.source, OpenedPictures(images), images.size, images.channels, images=images)


def is_run(subject: object) -> bool:
    """Whether something is a run, its path, a weights file, or a model."""
    if isinstance(subject, (Run, Model)):
        return True
    if isinstance(subject, (str, Path)):
        path = Path(subject)
        return (path / RECORD).exists() or path.suffix == ".safetensors"
    return False


def _of_model(subject: RunLike, count: int | None, seed: int, images_seen: int | None, device: str) -> Subject:
    model = subject if isinstance(subject, Model) else load(subject, images_seen=images_seen, device=device)
    run = None
    if not isinstance(subject, Model):
        run = subject if isinstance(subject, Run) else Run(subject) if Path(subject).is_dir() else None
    if run is not None and images_seen is None:
        images_seen = run.latest()[0].images_seen
    name = catalogue.name_of(model) if isinstance(subject, Model) else str(getattr(subject, "path", subject))
    pictures = SampledPictures(model, count or 0, seed)
    return Subject(name, pictures, model.config.size, model.config.channels, model, None, run, images_seen)


def open_source(source: Source, size: tuple[int, int] | None = None) -> Images:
    """The pictures of a source, at a size or their own. Nothing is decoded yet."""
    return open_images(source.numpy(force=True) if isinstance(source, Tensor) else source, size)


def chosen(images: Images, count: int | None, seed: int) -> Images:
    """`count` of the pictures, in their order, by the seed; all of them where there are no more."""
    if count is None or count >= len(images):
        return images
    generator = np.random.default_rng(derive_seed(seed, "pictures"))
    return images.subset(np.sort(generator.permutation(len(images))[:count]))


def training_images(run: Run | None) -> Images | None:
    """What a run was trained on, opened as it was then; None where nobody knows, or it is not there any more.

    Raises `DataError` where other pictures are there now: another part of the source was meant, or it changed.
    """
    recorded = run.record.get("source") if run is not None else None
    if run is None or not isinstance(recorded, dict) or not {"source", "size", "fingerprint"} <= set(recorded):
        return None
    same = {name: recorded[name] for name in ("channels", "crop", "resize") if name in recorded}
    try:
        images = open_images(recorded["source"], tuple(recorded["size"]), **same)
    except DataError:
        return None
    if images.fingerprint != recorded["fingerprint"]:
        raise DataError(
            f"{run.path} was trained on {recorded['count']:,} pictures of {recorded['source']}, and these are not all "
            "that is there, or it changed since: name real pictures with --against (against=), those of the training "
            "with --training (training=)."
        )
    return images


def check_samples(subject: Subject) -> None:
    """Raise `DataError` where a metric asks pictures of a model that draws none."""
    if subject.model is not None and "sample" not in verbs_of(subject.model):
        raise DataError(
            f"{subject.name} draws no new pictures ({catalogue.name_of(subject.model)} answers "
            f"{', '.join(verbs_of(subject.model))}): judge its reconstructions with metrics=reconstruction."
        )
