"""The table of metrics: where each is, found by name without loading the others."""

from __future__ import annotations

import importlib

from imagewright.errors import ConfigError, nearest_name
from imagewright.metrics.metric import Metric

# Each: the module whose `METRIC` it is.
METRICS = {
    "fd": "imagewright.metrics.frechet",
    "fd_infinity": "imagewright.metrics.frechet_infinity",
    "kd": "imagewright.metrics.kernel",
    "inception_score": "imagewright.metrics.inception_score",
    "precision_recall": "imagewright.metrics.precision_recall",
    "density_coverage": "imagewright.metrics.density_coverage",
    "sliced_wasserstein": "imagewright.metrics.sliced_wasserstein",
    "ms_ssim": "imagewright.metrics.ms_ssim",
    "reconstruction": "imagewright.metrics.reconstruction",
    "lpips": "imagewright.metrics.lpips",
    "path_length": "imagewright.metrics.path_length",
    "class_fd": "imagewright.metrics.class_frechet",
    "classification_accuracy": "imagewright.metrics.classification_accuracy",
    "network_accuracy": "imagewright.metrics.network_accuracy",
    "memorisation": "imagewright.metrics.memorisation",
    "likelihood": "imagewright.metrics.likelihood",
}


def metric_named(name: str) -> Metric:
    """The metric of that name. Raises `ConfigError` with the nearest name for another."""
    if name not in METRICS:
        raise ConfigError(f"There is no metric {name!r}: expected {', '.join(METRICS)}.{nearest_name(name, METRICS)}")
    metric: Metric = importlib.import_module(METRICS[name]).METRIC
    return metric
