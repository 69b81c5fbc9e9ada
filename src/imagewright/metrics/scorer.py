"""The scorer: carries out a score plan on one subject after another, and reuses the network and the references."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from imagewright import agreement
from imagewright.errors import DataError, count_text
from imagewright.images import Images
from imagewright.images.decoding.value_range import describe_range
from imagewright.images.notices import tell_skipped
from imagewright.images.sources.base import digest
from imagewright.metrics.classes.classes import find_classes
from imagewright.metrics.disentanglement.known_factors import HOW, known_factors
from imagewright.metrics.features.cache import load_features
from imagewright.metrics.features.extraction import extract_features
from imagewright.metrics.features.run_features import open_features
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Pictures, Sample
from imagewright.metrics.plans import MetricRequest, ScorePlan
from imagewright.metrics.score_recipes import ScoreRecipe, recipe_key, title_of
from imagewright.metrics.subjects import (
    ColourPictures,
    OpenedPictures,
    SampledPictures,
    Source,
    Subject,
    channels_of,
    check_can_sample,
    choose_images,
    open_source,
)
from imagewright.pixels import size_text
from imagewright.pretrained.features.contract import About, FeatureNetwork
from imagewright.progress import StageProgress, progress_of_stage
from imagewright.runs.scores import Score
from imagewright.training_capabilities import finds_classes

Result = TypeVar("Result")


class Scorer:
    """Computes the scores of a plan.

    plan: metrics, features and counts.
    seed: for all random draws.
    device: for the feature network.
    all_on_this_rank: whether this process does all the work, whatever the number of ranks.
    progress: called with (stage, done, total).

    Raises `ConfigError` for an unknown feature network, `DataError` for a network without weights, or without the
    logits that a metric needs.
    """

    def __init__(
        self, plan: ScorePlan, *, seed: int, device: str, all_on_this_rank: bool, progress: StageProgress | None
    ) -> None:
        self.plan, self.seed, self.device, self.all_on_this_rank, self.progress = (
            plan,
            seed,
            device,
            all_on_this_rank,
            progress,
        )
        self.notes: list[str] = [] if plan.count is None else _count_notes(plan)
        """Conversions of pictures and cautions, for the user."""
        self.network: FeatureNetwork | None = None
        if plan.needs("features", "logits"):
            self.network = open_features(plan.features, resize=plan.resize, device=device)
            if plan.needs("logits") and self.network.about.classes is None:
                raise DataError(
                    f"The features {plan.features} have no logits, which {self._first_that_needs('logits')} is "
                    "computed from: use --features inception, or a run that classifies (--features classifier:RUN)."
                )
        self._references: dict[tuple[str, tuple[int, int], int], Sample] = {}

    def score(self, subject: Subject, against: Source | None, training: Source | None) -> list[Score]:
        """The scores of all metrics of the plan, in its order. Ranks other than the main one return none.

        subject: what is scored.
        against: the reference; None if no metric needs one.
        training: the training pictures of the subject's model; None if no metric needs them.

        Raises `DataError` if something that a metric needs is missing.
        """
        requests = [each for each in self.plan.requests if not subject.secondary or _depends_on_count(each.metric)]
        if not requests:
            return []
        if self.plan.needs_classes:
            subject = self._with_classes(subject)
        channels = subject.channels if against is None else self._channels(subject, against)
        reference = self._reference("reference", against, subject, channels) if against is not None else None
        if reference is not None and self.plan.needs("reference labels") and finds_classes(subject.model):
            labelled, model = reference, subject.model
            reference = self._jointly(lambda: find_classes(labelled, model))
            self.notes.append(f"The classes of {reference.source} are the clusters of {subject.name}, not labels.")
        trained_on = None
        if self.plan.needs("training"):
            if training is None:
                raise DataError(
                    f"{self._first_that_needs('training')} needs the pictures that {subject.name} was trained on, and "
                    "its record names none: name them with --training SOURCE."
                )
            trained_on = self._reference("training", training, subject, channels)
        sample = self._sample(subject, channels)
        of_model = reference  # models look at pictures in their own channels
        if against is not None and channels != subject.channels and self._asks_models():
            of_model = self._reference("reference", against, subject, subject.channels)
        found: list[Score] = []

        def compute() -> None:
            for request in requests:
                real = of_model if _asks_model(request.metric) else reference
                found.extend(self._scores(request, subject, channels, sample, real, trained_on))

        if self.all_on_this_rank:
            compute()
        else:
            agreement.first_on_main(compute)
        return found

    def open_reference(self, subject: Subject, against: Source) -> None:
        """Extract the reference's features now, if the plan needs any, so that errors come before the long work."""
        if self.plan.needs("reference", "reference labels"):
            self._reference("reference", against, subject, self._channels(subject, against))

    def _channels(self, subject: Subject, against: Source) -> int:
        return _common_channels(subject, self._jointly(lambda: open_source(against)))

    def _jointly(self, work: Callable[[], Result]) -> Result:
        """Do what exchanges nothing on every rank that shares the work. What fails on one is raised on all."""
        return work() if self.all_on_this_rank else agreement.together(work)

    # The arguments of metrics

    def _sample(self, subject: Subject, channels: int) -> Sample:
        """What is scored, with `channels`."""
        images = subject.images
        pictures: Pictures = subject.pictures
        if channels != subject.channels:
            self.notes.append(
                f"The pictures of {subject.name} are grey and are scored as RGB, as the reference pictures are."
            )
            if images is not None:
                images = images.with_size(None, channels).prepare()
                pictures = OpenedPictures(images)
            elif isinstance(pictures, SampledPictures):
                pictures = ColourPictures(pictures)
        sample = Sample(subject.name, pictures, model=subject.model)
        if self.plan.needs_classes:
            _set_labels(sample, subject)
        if self.network is None:
            return sample
        check_can_sample(subject)
        if images is not None:
            return self._with_features(sample, images)
        progress = progress_of_stage(self.progress, f"features of {subject.name}")
        extracted = extract_features(pictures, self.network, progress=progress, all_on_this_rank=self.all_on_this_rank)
        sample.features, sample.logits = extracted.features, extracted.logits
        return sample

    def _reference(self, role: str, source: Source, subject: Subject, channels: int) -> Sample:
        """The real (or training) pictures, at the size of the subject, with `channels`."""
        natural = self._jointly(lambda: open_source(source))
        labelled = role == "reference" and self.plan.needs("reference labels") and not finds_classes(subject.model)
        key = (f"{role}{labelled}{natural.fingerprint}", subject.size, channels)
        if key not in self._references:
            progress = progress_of_stage(self.progress, f"decoding {natural.source}")
            images = self._jointly(lambda: natural.with_size(subject.size, channels).prepare(progress))
            self._note_conversion(role, natural, images, subject)
            if labelled:
                images = images.with_classes()
            if role == "reference":
                images = choose_images(images, self.plan.reference_count, self.seed)
            sample = Sample(images.source, OpenedPictures(images), labels=images.labels, class_names=images.class_names)
            sample.factors = known_factors(images) if self.plan.needs("factors") else None
            self._references[key] = sample if self.network is None else self._with_features(sample, images)
        return self._references[key]

    def _with_features(self, sample: Sample, images: Images) -> Sample:
        """The sample with the features of its images, which come from the cache if they are there."""
        assert self.network is not None
        progress = progress_of_stage(self.progress, f"features of {images.source}")
        cached = load_features(images, self.network, progress=progress, all_on_this_rank=self.all_on_this_rank)
        sample.features, sample.logits = cached.extracted.features, cached.extracted.logits
        sample.load_moments = cached.load_moments
        return sample

    def _with_classes(self, subject: Subject) -> Subject:
        """A set of pictures without those that have no class; a model as it is."""
        if subject.images is None:
            return subject
        images = subject.images.with_classes()
        left_out = len(subject.images) - len(images)
        if left_out:
            self.notes.append(f"{left_out:,} pictures of {subject.name} have no class and are left out.")
        return replace(subject, images=images, pictures=OpenedPictures(images))

    def _note_conversion(self, role: str, natural: Images, images: Images, subject: Subject) -> None:
        recorded = images.describe()
        if natural.size != images.size and not images.drawn:
            self.notes.append(
                f"The {role} pictures of {images.source} are resized from "
                f"{size_text((natural.height, natural.width))} to the "
                f"{size_text(images.size)} of {subject.name} ({recorded['resize']}, crop {recorded['crop']})."
            )
        if channels_of(natural) != images.channels:
            kinds = {1: "grey", 3: "RGB", 4: "RGBA"}
            self.notes.append(
                f"The {role} pictures of {images.source} are {kinds[channels_of(natural)]} and are converted "
                f"to {kinds[images.channels]}, the channels of {subject.name}."
            )
        if images.skipped:
            self.notes.append(tell_skipped(images.skipped, "left out", images.source))

    # Scores

    def _scores(
        self,
        request: MetricRequest,
        subject: Subject,
        channels: int,
        sample: Sample,
        reference: Sample | None,
        training: Sample | None,
    ) -> list[Score]:
        metric = request.metric
        uses_reference = bool({"reference", "reference labels"} & metric.needs)
        used = reference if uses_reference else None
        _check(metric, subject, sample, used)
        if self.progress is not None:
            self.progress(metric.name, 0, 1)
        values = metric.compute(sample, used, MetricContext(request.options, self.seed, training))
        warnings = self._warnings(metric, sample, used)
        trained_on = training if "training" in metric.needs else None
        recipe = self._recipe(request, subject, channels, used, trained_on).to_dict()
        outputs = {output.name: output for output in metric.outputs}
        about = self._about(metric)
        found = []
        for name, value in values.items():
            output = outputs.get(name, MetricOutput(name, name.replace("_", " "), metric.outputs[0].better))
            self.notes += value.notes
            not_finite = () if math.isfinite(value.value) else (f"{name} is {value.value}: not a finite number",)
            found.append(
                Score(
                    subject=subject.name,
                    metric=metric.name,
                    output=name,
                    title=title_of(output, about),
                    value=value.value,
                    better=output.better,
                    recipe=recipe,
                    key=recipe_key(recipe),
                    low=value.low,
                    high=value.high,
                    interval=value.interval,
                    images_seen=subject.images_seen,
                    sampled_from=subject.sampled_from,
                    warnings=(*warnings, *not_finite, *value.notes),
                )
            )
        return found

    def _warnings(self, metric: Metric, sample: Sample, reference: Sample | None) -> tuple[str, ...]:
        """A warning if there are fewer pictures than advised."""
        advised = metric.advised_count(self.network.about.dimension if self.network is not None else None)
        fewer = len(sample) if reference is None else min(len(sample), len(reference))
        if fewer >= advised or not _depends_on_count(metric):
            return ()
        against = "" if reference is None else f" against {len(reference):,}"
        why = f": {metric.why_advised}" if metric.why_advised else ""
        warning = f"{metric.name} of {count_text(len(sample), 'picture')}{against}, where {advised:,} are advised{why}"
        self.notes.append(f"{warning}.")
        return (warning,)

    def _recipe(
        self,
        request: MetricRequest,
        subject: Subject,
        channels: int,
        reference: Sample | None,
        training: Sample | None,
    ) -> ScoreRecipe:
        decode = None
        if reference is not None and isinstance(reference.pictures, OpenedPictures):
            recorded = reference.pictures.images.describe()
            decode = f"{recorded['resize']}, crop {recorded['crop']}"
            decode += "" if recorded["decode"] == "exact" else f", decoded {recorded['decode']}"
            if recorded["value_range"] is not None:
                decode += f", values {describe_range(tuple(recorded['value_range']))}"
        return ScoreRecipe(
            metric=request.metric,
            options=_options_with_data(request, reference),
            features=self._about(request.metric),
            size=subject.size,
            channels=subject.channels if _asks_model(request.metric) else channels,
            decode=decode,
            count=len(subject.pictures) if _depends_on_count(request.metric) else None,
            reference=_describe_source(reference),
            training=_describe_source(training),
            seed=self.seed,
            protocol=request.protocol,
        )

    def _about(self, metric: Metric) -> About | None:
        """The feature network of a metric, None if it needs none."""
        of_features = {"features", "logits"} & metric.needs
        return self.network.about if self.network is not None and of_features else None

    def _asks_models(self) -> bool:
        return any(_asks_model(request.metric) for request in self.plan.requests)

    def _first_that_needs(self, part: str) -> str:
        return next(request.metric.name for request in self.plan.requests if part in request.metric.needs)


def _options_with_data(request: MetricRequest, reference: Sample | None) -> Mapping[str, Any]:
    """The options of a metric; if it reads factors or classes of a model, with a digest: no fingerprint has them."""
    if "reference labels" in request.metric.needs and reference is not None and reference.found_classes:
        return {**request.options, "classes": reference.found_classes}
    if "factors" not in request.metric.needs or reference is None or reference.factors is None:
        return request.options
    known = reference.factors
    return {**request.options, "factors": f"{', '.join(known.names)} ({digest(known.values)[:8]})"}


def _count_notes(plan: ScorePlan) -> list[str]:
    """A sentence on each metric that `count` does not change, and the option that does."""
    notes = []
    for request in plan.requests:
        metric = request.metric
        if not _depends_on_count(metric):
            option = next((name for name in ("pictures", "paths") if name in metric.options), None)
            instead = f": {metric.name}:{option}={plan.count} does" if option else ""
            notes.append(f"--count {plan.count} does not change {metric.name}, which asks the model itself{instead}.")
    return notes


def _set_labels(sample: Sample, subject: Subject) -> None:
    """Give the sample the classes of its pictures: of the images, or those that the model was conditioned on."""
    if isinstance(subject.pictures, SampledPictures):
        sample.labels = subject.pictures.labels()
        names = getattr(subject.model, "class_names", None) if sample.labels is not None else None
    else:
        sample.labels, names = subject.pictures.images.labels, subject.pictures.images.class_names
    sample.class_names = None if names is None else tuple(names)


def _check(metric: Metric, subject: Subject, sample: Sample, reference: Sample | None) -> None:
    """Raise `DataError` if something that the metric needs is missing, or if there are too few pictures."""
    if "model" in metric.needs and subject.model is None:
        raise DataError(f"{metric.name} needs a model, and {subject.name} is a set of pictures: name a run instead.")
    sets = [(sample, "to score")] if _depends_on_count(metric) else []
    sets += [(reference, "as reference")] if reference is not None else []
    for each, role in sets:
        if len(each) < metric.least:
            raise DataError(
                f"{metric.name} needs at least {metric.least:,} pictures, and {each.source} has {len(each):,} {role}."
            )
    if "factors" in metric.needs and (reference is None or reference.factors is None):
        source = "nothing" if reference is None else reference.source
        raise DataError(f"{metric.name} is measured against known factors, and {source} has none: {HOW}.")
    if "labels" in metric.needs and sample.labels is None:
        raise DataError(
            f"{metric.name} needs the class of each scored picture, and those of {subject.name} have none: a model "
            "conditioned on classes (cgan, vae with --condition labels) or labelled pictures were expected."
        )
    if "reference labels" in metric.needs and (reference is None or reference.labels is None):
        source = "nothing" if reference is None else reference.source
        raise DataError(f"{metric.name} needs the class of each real picture, and those of {source} have none.")


def _common_channels(subject: Subject, reference: Images) -> int:
    """The channels that pictures are compared in: the subject's, and RGB for a grey subject and colour pictures.

    Grey would else be compared with the brightness of the colours, and score as if it had the colours, too.
    """
    return 3 if subject.channels == 1 and channels_of(reference) > 1 else subject.channels


def _asks_model(metric: Metric) -> bool:
    """Whether the model looks at the reference itself, in its own channels."""
    return "model" in metric.needs and not {"features", "logits"} & metric.needs


def _depends_on_count(metric: Metric) -> bool:
    """Whether the number of scored pictures changes a metric's value: not if it asks the model alone."""
    return "model" not in metric.needs or bool({"features", "logits"} & metric.needs)


def _describe_source(sample: Sample | None) -> dict[str, Any] | None:
    """`source`, `count` and `fingerprint` of a reference, for its recipe."""
    if sample is None or not isinstance(sample.pictures, OpenedPictures):
        return None
    images = sample.pictures.images
    return {"source": images.source, "count": len(images), "fingerprint": images.fingerprint}
