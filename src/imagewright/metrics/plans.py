"""What is to be computed: metrics with their options, by which features, of how many pictures. From names as typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagewright.errors import ConfigError, nearest_name
from imagewright.metrics.metric import Metric
from imagewright.metrics.recipes import protocol_named
from imagewright.metrics.registry import metric_named

DEFAULT_METRICS = ("fd", "kd", "precision_recall", "density_coverage")
DEFAULT_FEATURES = "inception"
DEFAULT_COUNT = 10_000


@dataclass(frozen=True)
class Asked:
    """A metric with its options, all of them; `protocol`: the name it goes by, where it has one."""

    metric: Metric
    options: Mapping[str, Any]
    protocol: str | None = None


@dataclass(frozen=True)
class Plan:
    """Metrics that share features and counts. count: samples of a model; reference_count: real ones, None for all."""

    asked: tuple[Asked, ...]
    features: str
    resize: str | None
    count: int | None
    reference_count: int | None

    def needs(self, *parts: str) -> bool:
        """Whether any metric needs one of the parts."""
        return any(part in asked.metric.needs for asked in self.asked for part in parts)

    @property
    def needs_classes(self) -> bool:
        """Whether the class of each picture judged is asked for: by a metric, or by its option `within_class`."""
        return self.needs("labels") or any(asked.options.get("within_class") for asked in self.asked)


def plans_of(
    metrics: Sequence[str] | None,
    protocols: Sequence[str],
    features: str | None,
    resize: str | None,
    count: int | None,
    reference_count: int | None,
) -> list[Plan]:
    """One plan for the metrics, and one for the protocols of each features and counts.

    Raises `ConfigError` for unknown names and options, and for a protocol together with what it fixes.
    """
    plans: list[Plan] = []
    if protocols:
        given = {"features": features, "resize": resize, "count": count, "reference_count": reference_count}
        typed = [name for name, value in given.items() if value is not None]
        if typed:
            raise ConfigError(
                f"{typed[0]}={given[typed[0]]}, but {protocols[0]} fixes it: leave it out, or name the metric instead."
            )
        groups: dict[tuple[str, int, int | None], list[Asked]] = {}
        for name in protocols:
            fixed = protocol_named(name)
            metric = metric_named(fixed.metric)
            asked = Asked(metric, {**metric.options, **fixed.options}, name)
            groups.setdefault((fixed.features, fixed.count, fixed.reference_count), []).append(asked)
        plans += [Plan(tuple(same), group[0], None, *group[1:]) for group, same in groups.items()]
    if metrics or not protocols:
        wanted = tuple(asked_for(typed) for typed in metrics or DEFAULT_METRICS)
        plans.append(Plan(wanted, features or DEFAULT_FEATURES, resize, count, reference_count))
    return plans


def asked_for(typed: str) -> Asked:
    """A metric as typed: `kd`, or with options `precision_recall:neighbours=5`, several parted by commas."""
    name, _, rest = typed.partition(":")
    metric = metric_named(name)
    options = dict(metric.options)
    for pair in rest.split(",") if rest else ():
        option, _, value = pair.partition("=")
        if option not in options:
            known = ", ".join(options) or "none"
            raise ConfigError(f"{name} has no option {option!r}: it has {known}.{nearest_name(option, options)}")
        options[option] = _as(options[option], value, f"{name}:{option}")
    return Asked(metric, options)


def _as(default: Any, text: str, name: str) -> Any:
    """A value of the kind that the default is of."""
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
