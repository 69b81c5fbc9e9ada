"""One plan on one subject after another: features once, references once, each metric on what it needs, then scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from imagewright import distributed
from imagewright.errors import DataError
from imagewright.images import Images
from imagewright.metrics.features.cache import kept_features
from imagewright.metrics.features.extraction import features_of
from imagewright.metrics.features.of_runs import features_named
from imagewright.metrics.frechet.moments import Moments
from imagewright.metrics.metric import Metric, Output, Sample, Setting
from imagewright.metrics.plans import Asked, Plan
from imagewright.metrics.recipes import key_of, recipe_of, title_of
from imagewright.metrics.subjects import (
    OpenedPictures,
    SampledPictures,
    Source,
    Subject,
    check_samples,
    chosen,
    open_source,
)
from imagewright.pretrained.features.contract import About, FeatureNetwork
from imagewright.runs.scores import Score


class Judge:
    """Computes the scores of a plan. What is opened for one subject is there for the next."""

    def __init__(
        self,
        plan: Plan,
        *,
        seed: int,
        device: str,
        alone: bool,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self.plan, self.seed, self.device, self.alone, self.progress = plan, seed, device, alone, progress
        self.said: list[str] = []
        self.network: FeatureNetwork | None = None
        if plan.needs("features", "logits"):
            self.network = features_named(plan.features, resize=plan.resize, device=device)
            if plan.needs("logits") and self.network.about.classes is None:
                raise DataError(
                    f"The features {plan.features} have no logits, which {self._which('logits')} is computed from: "
                    "take features=inception, or a run that classifies (features=classifier:RUN)."
                )
        self._references: dict[tuple[str, tuple[int, int], int], Sample] = {}

    def scores(self, subject: Subject, against: Source | None, training: Source | None) -> list[Score]:
        """The scores of every metric of the plan, in its order; on ranks other than the main one none."""
        reference = self._reference("reference", against, subject) if against is not None else None
        trained_on = None
        if self.plan.needs("training"):
            if training is None:
                raise DataError(
                    f"{self._which('training')} needs the pictures that {subject.name} was trained on, and its record "
                    "names none: name them with training=SOURCE."
                )
            trained_on = self._reference("training", training, subject)
        sample = self._sample(subject)
        found: list[Score] = []

        def compute() -> None:
            for asked in self.plan.asked:
                found.extend(self._scores(asked, subject, sample, reference, trained_on))

        if self.alone:
            compute()
        else:
            distributed.first_on_main(compute)
        return found

    def open_reference(self, subject: Subject, against: Source) -> None:
        """Make the reference's features now, where the plan needs any: what is wrong with it is then said early."""
        if self.plan.needs("reference", "reference labels"):
            self._reference("reference", against, subject)

    # What metrics are given

    def _sample(self, subject: Subject) -> Sample:
        sample = Sample(subject.name, subject.pictures, model=subject.model)
        if self.plan.needs_classes:
            self._label(sample, subject)
        if self.network is None:
            return sample
        check_samples(subject)
        if subject.images is not None:
            return self._with_kept(sample, subject.images)
        told = self._told(f"features of {subject.name}")
        extracted = features_of(subject.pictures, self.network, progress=told, alone=self.alone)
        sample.features, sample.logits = extracted.features, extracted.logits
        if self.alone or distributed.is_main():
            sample.moments = Moments.of(extracted.features)
        return sample

    def _label(self, sample: Sample, subject: Subject) -> None:
        if isinstance(subject.pictures, SampledPictures):
            sample.labels = subject.pictures.labels()
            names = getattr(subject.model, "class_names", None) if sample.labels is not None else None
        else:
            sample.labels, names = subject.pictures.images.labels, subject.pictures.images.class_names
        sample.class_names = None if names is None else tuple(names)

    def _reference(self, role: str, source: Source, subject: Subject) -> Sample:
        """The real pictures at the size and channels of the subject."""
        natural = open_source(source)
        key = (role + natural.fingerprint, subject.size, subject.channels)
        if key not in self._references:
            images = natural.with_size(subject.size, subject.channels).prepare(self._told(f"decoding {natural.source}"))
            self._say_conversion(role, natural, images, subject)
            if role == "reference":
                images = chosen(images, self.plan.reference_count, self.seed)
            sample = Sample(images.source, OpenedPictures(images), labels=images.labels, class_names=images.class_names)
            self._references[key] = sample if self.network is None else self._with_kept(sample, images)
        return self._references[key]

    def _with_kept(self, sample: Sample, images: Images) -> Sample:
        assert self.network is not None
        told = self._told(f"features of {images.source}")
        kept = kept_features(images, self.network, progress=told, alone=self.alone)
        sample.features, sample.logits, sample.moments = kept.extracted.features, kept.extracted.logits, kept.moments
        return sample

    def _say_conversion(self, role: str, natural: Images, images: Images, subject: Subject) -> None:
        recorded = images.describe()
        if natural.size != images.size:
            self.said.append(
                f"The {role} pictures of {images.source} are brought from {natural.height}x{natural.width} to the "
                f"{images.height}x{images.width} of {subject.name} ({recorded['resize']}, crop {recorded['crop']})."
            )
        if natural.channels != images.channels:
            kinds = {1: "grey", 3: "RGB", 4: "RGBA"}
            self.said.append(
                f"The {role} pictures of {images.source} are {kinds[natural.channels]} and are judged as "
                f"{kinds[images.channels]}, as those of {subject.name} are."
            )
        if images.skipped:
            self.said.append(f"{len(images.skipped):,} pictures of {images.source} cannot be read: they are left out.")

    def _told(self, what: str) -> Callable[[int, int], None] | None:
        progress = self.progress
        return None if progress is None else lambda done, total: progress(what, done, total)

    # Scores

    def _scores(
        self, asked: Asked, subject: Subject, sample: Sample, reference: Sample | None, training: Sample | None
    ) -> list[Score]:
        metric = asked.metric
        uses_reference = bool({"reference", "reference labels"} & metric.needs)
        used = reference if uses_reference else None
        self._check(metric, subject, sample, used)
        if self.progress is not None:
            self.progress(metric.name, 0, 1)
        values = metric.compute(sample, used, Setting(asked.options, self.seed, training))
        warnings = self._warnings(metric, sample, used)
        recipe = self._recipe(asked, subject, used, training if "training" in metric.needs else None)
        outputs = {output.name: output for output in metric.outputs}
        about = self._about(metric)
        found = []
        for name, value in values.items():
            output = outputs.get(name, Output(name, name.replace("_", " "), metric.outputs[0].better))
            self.said += value.notes
            odd = () if math.isfinite(value.value) else (f"{name} is {value.value}: no finite number",)
            found.append(
                Score(
                    subject=subject.name,
                    metric=metric.name,
                    output=name,
                    title=title_of(output, about),
                    value=value.value,
                    better=output.better,
                    recipe=recipe,
                    key=key_of(recipe),
                    low=value.low,
                    high=value.high,
                    interval=value.interval,
                    images_seen=subject.images_seen,
                    warnings=(*warnings, *odd, *value.notes),
                )
            )
        return found

    def _check(self, metric: Metric, subject: Subject, sample: Sample, reference: Sample | None) -> None:
        if "model" in metric.needs and subject.model is None:
            raise DataError(f"{metric.name} asks a model, and {subject.name} is a set of pictures: name a run instead.")
        sets = [(sample, "judged")] if _judges_pictures(metric) else []
        sets += [(reference, "to judge against")] if reference is not None else []
        for each, what in sets:
            if len(each) < metric.least:
                raise DataError(
                    f"{metric.name} needs {metric.least:,} pictures at least, and {each.source} has {len(each):,} "
                    f"{what}."
                )
        if "labels" in metric.needs and sample.labels is None:
            raise DataError(
                f"{metric.name} needs the class of each picture judged, and those of {subject.name} have none: a model "
                "that is told of classes (cgan, vae with condition=labels) or labelled pictures were expected."
            )
        if "reference labels" in metric.needs and (reference is None or reference.labels is None):
            source = "nothing" if reference is None else reference.source
            raise DataError(f"{metric.name} needs the class of each real picture, and those of {source} have none.")

    def _warnings(self, metric: Metric, sample: Sample, reference: Sample | None) -> tuple[str, ...]:
        advised = metric.advised_count(self.network.about.dimension if self.network is not None else None)
        fewer = len(sample) if reference is None else min(len(sample), len(reference))
        if fewer >= advised or not _judges_pictures(metric):
            return ()
        against = "" if reference is None else f" against {len(reference):,}"
        why = f": {metric.why_advised}" if metric.why_advised else ""
        warning = f"{metric.name} of {len(sample):,} pictures{against}, where {advised:,} are advised{why}"
        self.said.append(f"{warning}.")
        return (warning,)

    def _recipe(
        self, asked: Asked, subject: Subject, reference: Sample | None, training: Sample | None
    ) -> dict[str, Any]:
        decode = None
        if reference is not None and isinstance(reference.pictures, OpenedPictures):
            recorded = reference.pictures.images.describe()
            decode = f"{recorded['resize']}, crop {recorded['crop']}"
        return recipe_of(
            asked.metric,
            asked.options,
            about=self._about(asked.metric),
            size=subject.size,
            channels=subject.channels,
            decode=decode,
            count=len(subject.pictures) if _judges_pictures(asked.metric) else None,
            reference=_named(reference),
            training=_named(training),
            seed=self.seed,
            protocol=asked.protocol,
        )

    def _about(self, metric: Metric) -> About | None:
        """The network behind the features that a metric is computed in; None where it needs none."""
        of_features = {"features", "logits"} & metric.needs
        return self.network.about if self.network is not None and of_features else None

    def _which(self, part: str) -> str:
        return next(asked.metric.name for asked in self.plan.asked if part in asked.metric.needs)


def _judges_pictures(metric: Metric) -> bool:
    """Whether the number of pictures judged decides a metric's value: not where it asks the model itself."""
    return "model" not in metric.needs or bool({"features", "logits"} & metric.needs)


def _named(sample: Sample | None) -> dict[str, Any] | None:
    if sample is None or not isinstance(sample.pictures, OpenedPictures):
        return None
    images = sample.pictures.images
    return {"source": images.source, "count": len(images), "fingerprint": images.fingerprint}
