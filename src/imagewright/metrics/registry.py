"""The table of metrics: where each is defined. A metric is imported when it is asked for."""

from __future__ import annotations

import importlib

from imagewright.errors import ConfigError, nearest_name
from imagewright.metrics.metric import Metric

# For each name, the module that defines it as `METRIC`.
METRICS = {
    "fd": "imagewright.metrics.frechet.distance",
    "fd_infinity": "imagewright.metrics.frechet.at_infinity",
    "kd": "imagewright.metrics.kernel",
    "inception_score": "imagewright.metrics.classes.inception_score",
    "precision_recall": "imagewright.metrics.neighbours.precision_recall",
    "density_coverage": "imagewright.metrics.neighbours.density_coverage",
    "sliced_wasserstein": "imagewright.metrics.pictures.sliced_wasserstein",
    "ms_ssim": "imagewright.metrics.pictures.ms_ssim",
    "reconstruction": "imagewright.metrics.pictures.reconstruction",
    "lpips": "imagewright.metrics.pictures.lpips",
    "path_length": "imagewright.metrics.models.path_length",
    "equivariance": "imagewright.metrics.models.equivariance",
    "class_fd": "imagewright.metrics.frechet.by_class",
    "classification_accuracy": "imagewright.metrics.classes.classification_accuracy",
    "network_accuracy": "imagewright.metrics.classes.network_accuracy",
    "memorisation": "imagewright.metrics.neighbours.memorisation",
    "face_swap": "imagewright.metrics.models.face_swap",
    "disentanglement": "imagewright.metrics.disentanglement.scores",
    "kept_factors": "imagewright.metrics.models.kept_factors",
    "kept_pose": "imagewright.metrics.models.kept_pose",
    "likelihood": "imagewright.metrics.models.likelihood",
}
DEFAULT_METRICS = ("fd", "kd", "precision_recall", "density_coverage")


def metric_named(name: str) -> Metric:
    """The metric of that name. Raises `ConfigError` with the nearest name for an unknown one."""
    if name not in METRICS:
        raise ConfigError(f"There is no metric {name!r}: expected {', '.join(METRICS)}.{nearest_name(name, METRICS)}")
    metric: Metric = importlib.import_module(METRICS[name]).METRIC
    return metric


def list_metrics() -> list[Metric]:
    """Every metric: what it measures, what it needs, the better direction of its outputs, its options, the paper."""
    return [metric_named(name) for name in METRICS]
