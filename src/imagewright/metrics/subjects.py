"""Subjects: what is scored, and its pictures by number: samples of a model, or a folder or any other source."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import latent_parts_of, samples_classes, samples_from, verbs_of
from imagewright.errors import DataError, UserError
from imagewright.images import Images, open_images
from imagewright.images.descriptions import recorded_choices
from imagewright.metrics.features.mapped_arrays import TOUCHED
from imagewright.model import Model
from imagewright.progress import Progress
from imagewright.runs.loading import load
from imagewright.runs.places import RECORD
from imagewright.runs.points import names_point, resolve_point, split_point
from imagewright.runs.run import Run
from imagewright.runs.scores import FROM_PRIOR
from imagewright.seeds import derive_seed
from imagewright.training_capabilities import swaps_identities
from imagewright.verbs.apply import ImagesLike, RunLike, decode, sample_numbered_latents
from imagewright.views import view_model

Source = ImagesLike
LATENTS_AT_ONCE = 256


class OpenedPictures:
    """The pictures of opened images, by number. May be called from several threads."""

    def __init__(self, images: Images) -> None:
        self.images = images
        self._lock = threading.Lock()
        self._read = 0

    def __len__(self) -> int:
        return len(self.images)

    def pictures(self, rows: np.ndarray) -> Tensor:
        """uint8 (n, C, H, W) of the rows int64 (n,)."""
        with self._lock:
            pictures = self.images.batch(rows).images
            self._read += pictures.nbytes
            if self._read > TOUCHED:  # so that memory does not grow with the number of pictures
                self._read = 0
                self.images.release()
            return pictures


class ColourPictures:
    """Grey pictures by number as RGB, each value in all three channels. May be called as the grey ones may."""

    def __init__(self, grey: SampledPictures) -> None:
        self.grey = grey

    def __len__(self) -> int:
        return len(self.grey)

    def pictures(self, rows: np.ndarray) -> Tensor:
        """uint8 (n, 3, H, W) of the rows int64 (n,)."""
        return self.grey.pictures(rows).expand(-1, 3, -1, -1)


class SampledPictures:
    """Samples of a model: row k is sample k of the seed, computed anew on each call.

    model: a model that samples.
    count: how many samples there are.
    seed: of the samples.
    """

    def __init__(self, model: Model, count: int, seed: int) -> None:
        self.model, self.count, self.seed = model, count, seed
        # Verbs switch a model in training to evaluation mode and back: only one thread may use it at a time.
        self._lock = threading.Lock() if model.training else nullcontext()

    def __len__(self) -> int:
        return self.count

    def pictures(self, rows: np.ndarray) -> Tensor:
        """uint8 (n, C, H, W) of the rows int64 (n,)."""
        with self._lock:
            return decode(self.model, sample_numbered_latents(self.model, rows.tolist(), self.seed))

    def labels(self) -> np.ndarray | None:
        """int64 (N,), the class that each sample was conditioned on; None for a model without class conditions."""
        if not samples_classes(self.model):
            return None
        # A latent code that a model discovered without labels does not name classes of pictures.
        parts = [part for part in latent_parts_of(self.model) if part.kind == "category" and not part.code]
        if not parts:
            return None
        numbers = torch.arange(self.count).split(LATENTS_AT_ONCE)
        latents = (sample_numbered_latents(self.model, block.tolist(), self.seed).flatten(1) for block in numbers)
        return torch.cat([block[:, parts[0].places].argmax(1) for block in latents]).numpy()


@dataclass
class Subject:
    """What is scored.

    name: as it was given.
    pictures: by number.
    size: (height, width) of its pictures.
    channels: of its pictures.
    model: the model that generates the pictures, None for a source.
    images: the images of a source, None for a model.
    run: the run of the model, None if there is none.
    images_seen: of the checkpoint, None without a run.
    sampled_from: "fitted" or "prior" if the model can sample from both, else None.
    secondary: whether the same model is scored with its default samples too, so that metrics which do not depend on
        samples are left out here.
    """

    name: str
    pictures: OpenedPictures | SampledPictures
    size: tuple[int, int]
    channels: int
    model: Model | None = None
    images: Images | None = None
    run: Run | None = None
    images_seen: int | None = None
    sampled_from: str | None = None
    secondary: bool = False

    def by_distribution(self, sample_from: str | None = None) -> list[Subject]:
        """The subject for each distribution that its model samples from, the default first; itself if there is one.

        sample_from: one of them alone. A source of pictures has none, and is itself in any case.

        Raises `UserError` for a distribution that the model does not have.
        """
        model = self.model
        if model is None:
            return [self]
        if sample_from is not None:
            return [self._sampling(view_model(model, sample_from=sample_from))]
        if not samples_from(model) or model.sampled_from != model.latent_sources[0]:
            return [self._sampling(model)]
        default, *others = (self._sampling(model.sampling_from(source)) for source in model.latent_sources)
        return [default, *(replace(each, secondary=True) for each in others)]

    def _sampling(self, model: Model) -> Subject:
        """The subject with a model that samples from one distribution, which the name says unless it is the default."""
        assert isinstance(self.pictures, SampledPictures)
        pictures = SampledPictures(model, self.pictures.count, self.pictures.seed)
        source, name = None, self.name
        if samples_from(model) and len(model.latent_sources) > 1:
            source = model.sampled_from
            name += FROM_PRIOR if source != model.latent_sources[0] else ""
        return replace(self, name=name, model=model, pictures=pictures, sampled_from=source)


def open_subject(
    subject: RunLike | Source,
    *,
    count: int | None,
    seed: int,
    size: tuple[int, int] | None = None,
    images_seen: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Subject:
    """Open a run, a model or any source of pictures.

    subject: what is scored.
    count: samples of a model; of a source, pictures chosen by the seed, None for all.
    seed: of the samples, or of the choice.
    size: (height, width) for a source, None for its own; a model has its own size.
    images_seen: a checkpoint of the run, None for the latest.
    device: for the model.
    progress: called with (done, total) while pictures are decoded for the first time.

    Raises `UserError` for a count below 1; `DataError` or `RunError` if the subject cannot be opened.
    """
    if count is not None and count < 1:
        raise UserError(f"count={count}, but at least one picture was expected.")
    if is_run(subject):
        return _open_model(subject, count, seed, images_seen, device)  # type: ignore[arg-type]
    opened = open_source(subject, size)  # type: ignore[arg-type]
    images = choose_images(opened.with_size(None, channels_of(opened)).prepare(progress), count, seed)
    return Subject(images.source, OpenedPictures(images), images.size, images.channels, images=images)


def channels_of(images: Images) -> int:
    """The channels of a set, unless the caller chose them: 3 for grey and colour pictures together."""
    return max(images.channels, min(images.most_channels, 3))


def is_run(subject: object) -> bool:
    """Whether a subject is a run, its path, one of its checkpoints (`RUN@400k`), a weights file, or a model."""
    if isinstance(subject, (Run, Model)):
        return True
    if isinstance(subject, (str, Path)):
        path = Path(subject)
        return (path / RECORD).exists() or path.suffix == ".safetensors" or names_point(subject)
    return False


def _open_model(subject: RunLike, count: int | None, seed: int, images_seen: int | None, device: str) -> Subject:
    named = subject
    if isinstance(subject, str | Path):
        subject, images_seen = resolve_point(subject, images_seen)
    model = subject if isinstance(subject, Model) else load(subject, images_seen=images_seen, device=device)
    run = None
    if not isinstance(subject, Model):
        run = subject if isinstance(subject, Run) else Run(subject) if Path(subject).is_dir() else None
    if run is not None and images_seen is None:
        images_seen = run.latest()[0].images_seen
    name = catalogue.name_of(model) if isinstance(subject, Model) else str(getattr(subject, "path", named))
    pictures = SampledPictures(model, count or 0, seed)
    return Subject(name, pictures, model.config.size, model.config.channels, model, None, run, images_seen)


def open_source(source: Source, size: tuple[int, int] | None = None) -> Images:
    """Open a source of pictures at a size (height, width), None for its own. Decodes nothing yet.

    Pictures are decoded exactly, never at a reduced scale: a score is to be the same on every machine and version.
    """
    opened = open_images(source.numpy(force=True) if isinstance(source, Tensor) else source, size)
    return opened if opened.decode == "exact" else opened.with_size(None, decode="exact")


def choose_images(images: Images, count: int | None, seed: int) -> Images:
    """`count` of the images, chosen by the seed, in their order; all of them if there are no more."""
    if count is None or count >= len(images):
        return images
    generator = np.random.default_rng(derive_seed(seed, "pictures"))
    return images.subset(np.sort(generator.permutation(len(images))[:count]))


def training_images(run: Run | None) -> Images | None:
    """The training pictures of a run, opened as they were for its training; None if unknown or no longer there.

    Raises `DataError` if other pictures are there now: the run used a part of the source, or the source has changed.
    """
    recorded = run.record.get("source") if run is not None else None
    if run is None or not isinstance(recorded, dict) or not {"source", "size", "fingerprint"} <= set(recorded):
        return None
    same = {name: recorded[name] for name in ("channels", "crop", "resize") if name in recorded}
    same |= recorded_choices(recorded)
    try:
        images = open_images(recorded["source"], tuple(recorded["size"]), **same)
    except DataError:
        return None
    if images.fingerprint != recorded["fingerprint"]:
        raise DataError(
            f"{run.path} was trained on {recorded['count']:,} pictures of {recorded['source']}, which does not hold "
            "the same pictures now: the run used a part of it, or it has changed. Name real pictures with --against "
            "(against=), the training pictures with --training (training=)."
        )
    return images


def swaps_faces(subject: object) -> bool:
    """Whether a subject is a run, its path, or a model that swaps faces."""
    if isinstance(subject, str | Path) and ((path := split_point(subject)[0]) / RECORD).exists():
        subject = Run(path)
    if isinstance(subject, Run):
        return subject.model in catalogue.entries() and swaps_identities(catalogue.model_class(subject.model))
    return isinstance(subject, Model) and swaps_identities(subject)


def recorded_sources(run: Run | None) -> list[Images]:
    """The sources of a run whose model opens them itself (`catalogue.opener_of`), in order; empty if unknown.

    Raises `DataError` if they are gone.
    """
    opener = None if run is None else catalogue.opener_of(run.model)
    recorded = None if run is None else run.record.get("sources")
    if opener is None or not isinstance(recorded, dict):
        return []
    places = {name: each.get("source") for name, each in recorded.items()}
    return list(opener(places, {}, lambda text: None, recorded=recorded).sources.values())


def check_can_sample(subject: Subject) -> None:
    """Raise `DataError` if the subject is a model that does not sample."""
    if subject.model is None or "sample" in (verbs := verbs_of(subject.model)):
        return
    instead = ""
    if "reconstruct" in verbs:
        instead = " Score its reconstructions with metrics=reconstruction."
    elif swaps_identities(subject.model):
        instead = " Its likeness is in each report of the training; afterwards metrics=face_swap scores it."
    raise DataError(
        f"{subject.name} cannot sample new pictures ({catalogue.name_of(subject.model)} answers {', '.join(verbs)})."
        f"{instead}"
    )
