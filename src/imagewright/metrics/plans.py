"""Score plans: which metrics to compute, in which features, from how many pictures. Parsed from names as typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagewright.errors import ConfigError, nearest_name
from imagewright.metrics.metric import Metric
from imagewright.metrics.registry import DEFAULT_METRICS, metric_named
from imagewright.metrics.score_recipes import current_option, protocol_named

DEFAULT_FEATURES = "inception"
DEFAULT_COUNT = 10_000
FACE_SWAP = "face_swap"  # the metric of models that swap faces


@dataclass(frozen=True)
class MetricRequest:
    """A metric to compute.

    metric: the metric.
    options: all of its options.
    protocol: the name of the protocol that asked for it, None if none did.
    """

    metric: Metric
    options: Mapping[str, Any]
    protocol: str | None = None


@dataclass(frozen=True)
class ScorePlan:
    """Metrics that share features and counts.

    requests: the metrics.
    features: the name of the feature network.
    resize: the resize filter before it, None for its own.
    count: pictures to generate, or to choose of a source; None for the default of each.
    reference_count: real pictures, None for all.
    """

    requests: tuple[MetricRequest, ...]
    features: str
    resize: str | None
    count: int | None
    reference_count: int | None

    def needs(self, *parts: str) -> bool:
        """Whether any metric needs one of the parts."""
        return any(part in request.metric.needs for request in self.requests for part in parts)

    @property
    def needs_classes(self) -> bool:
        """Whether any metric needs the classes of the scored pictures, or has its option `within_class` set."""
        return self.needs("labels") or any(request.options.get("within_class") for request in self.requests)


def make_plans(
    metrics: Sequence[str] | None,
    protocols: Sequence[str],
    features: str | None,
    resize: str | None,
    count: int | None,
    reference_count: int | None,
) -> list[ScorePlan]:
    """One plan for the metrics, and one for the protocols that share features and counts.

    The arguments are those of `evaluate`. Raises `ConfigError` for unknown names and options, and for a protocol
    together with an argument that the protocol fixes.
    """
    plans: list[ScorePlan] = []
    if protocols:
        given = {"features": features, "resize": resize, "count": count, "reference_count": reference_count}
        typed = [name for name, value in given.items() if value is not None]
        if typed:
            raise ConfigError(
                f"{typed[0]}={given[typed[0]]}, but {protocols[0]} fixes it: leave it out, or name the metric instead."
            )
        groups: dict[tuple[str, int, int | None], list[MetricRequest]] = {}
        for name in protocols:
            fixed = protocol_named(name)
            metric = metric_named(fixed.metric)
            request = MetricRequest(metric, {**metric.options, **fixed.options}, name)
            groups.setdefault((fixed.features, fixed.count, fixed.reference_count), []).append(request)
        plans += [ScorePlan(tuple(same), group[0], None, *group[1:]) for group, same in groups.items()]
    if metrics or not protocols:
        requests = tuple(parse_metric(typed) for typed in metrics or DEFAULT_METRICS)
        plans.append(ScorePlan(requests, features or DEFAULT_FEATURES, resize, count, reference_count))
    return plans


def parse_metric(typed: str) -> MetricRequest:
    """Parse a metric as typed: `kd`, or with options separated by commas, `precision_recall:neighbours=5`.

    Raises `ConfigError` for an unknown metric or option, and for a value of the wrong type.
    """
    name, _, rest = typed.partition(":")
    metric = metric_named(name)
    options = dict(metric.options)
    for pair in rest.split(",") if rest else ():
        option, _, value = pair.partition("=")
        option = current_option(name, option)
        if option not in options:
            known = ", ".join(options) or "none"
            raise ConfigError(f"{name} has no option {option!r}: it has {known}.{nearest_name(option, options)}")
        options[option] = _parse_value(options[option], value, f"{name}:{option}")
    return MetricRequest(metric, options)


def _parse_value(default: Any, text: str, name: str) -> Any:
    """The value of the option `name`, of the type of its default."""
    kind = type(default)
    try:
        if kind is bool:
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.lower()]
        if default is None or kind is int:
            return int(text.replace(",", "").replace("_", ""))
        return kind(text)
    except (ValueError, KeyError):
        expected = {bool: "true or false", float: "a number", str: "a word"}.get(kind, "a whole number")
        raise ConfigError(f"{name}={text}, but {expected} was expected.") from None
