"""Score recipes: how a score was computed, which scores are comparable, and protocols with a name.

The key of a recipe is a digest of everything that changes a score, except the scored pictures and the seed: metric and
options, the feature network's hash and resize filter, the size at which pictures are scored, their number, and the
reference's fingerprint. Scores of equal keys are comparable; `recipe_differences` says why others are not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imagewright.errors import ConfigError, nearest_name
from imagewright.metrics.metric import Metric, MetricOutput
from imagewright.pixels import size_text
from imagewright.pretrained.features.contract import About
from imagewright.versions import versions

FORMAT = 1  # raised when the arithmetic of scores changes
COMPARED = ("format", "metric", "options", "features", "size", "channels", "decode", "count", "reference", "training")
# By metric: options that were renamed, new name to former. Digests use the former names, so that keys do not change.
RENAMED_OPTIONS = {"path_length": {"paths": "ways"}}


@dataclass(frozen=True)
class ScoreProtocol:
    """A published way to score, by a name.

    metric: its name.
    features: the name of the feature network.
    count: generated pictures.
    reference_count: real pictures at most, None for all.
    source: the paper or program that uses it.
    options: of the metric.
    """

    metric: str
    features: str
    count: int
    reference_count: int | None
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)


PROTOCOLS = {
    "fid50k_full": ScoreProtocol(
        "fd", "inception", 50_000, None, "Karras et al. 2020 (StyleGAN2-ADA), appendix; all real pictures"
    ),
    "fid10k_full": ScoreProtocol("fd", "inception", 10_000, None, "as fid50k_full, of 10,000 generated pictures"),
    "kid50k_full": ScoreProtocol(
        "kd", "inception", 50_000, 1_000_000, "Karras et al. 2020 (StyleGAN2-ADA): 100 subsets of 1,000"
    ),
    "is50k": ScoreProtocol("inception_score", "inception", 50_000, None, "Salimans et al. 2016: ten splits of 5,000"),
    "fd_dinov2_50k": ScoreProtocol("fd", "dinov2", 50_000, None, "Stein et al. 2023"),
}


def protocol_named(name: str) -> ScoreProtocol:
    """The protocol of that name. Raises `ConfigError` with the nearest name for an unknown one."""
    if name not in PROTOCOLS:
        known = ", ".join(PROTOCOLS)
        raise ConfigError(f"There is no protocol {name!r}: expected {known}.{nearest_name(name, PROTOCOLS)}")
    return PROTOCOLS[name]


@dataclass(frozen=True, kw_only=True)
class ScoreRecipe:
    """How a score is computed.

    metric: the metric.
    options: all of its options.
    features: the feature network, None if the metric needs none.
    size: (height, width) at which pictures are scored.
    channels: of the pictures.
    decode: how files were resized and cropped to that size, None without a reference.
    count: scored pictures, None if the metric asks the model alone.
    reference: `source`, `count` and `fingerprint` of the real pictures, None without.
    training: the same of the training pictures, None if the metric does not need them.
    seed: for all random draws.
    protocol: the name of the protocol, None without.
    """

    metric: Metric
    options: Mapping[str, Any]
    features: About | None
    size: tuple[int, int]
    channels: int
    decode: str | None
    count: int | None
    reference: Mapping[str, Any] | None
    training: Mapping[str, Any] | None
    seed: int
    protocol: str | None

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON, with the versions of the packages that the score depends on."""
        return {
            "format": FORMAT,
            "metric": self.metric.name,
            "options": dict(sorted(self.options.items())),
            "features": None if self.features is None else self.features.to_dict(),
            "size": list(self.size),
            "channels": self.channels,
            "decode": self.decode,
            "count": self.count,
            "reference": None if self.reference is None else dict(self.reference),
            "training": None if self.training is None else dict(self.training),
            "seed": self.seed,
            "protocol": self.protocol,
            "versions": versions(),
        }


def recipe_key(recipe: Mapping[str, Any]) -> str:
    """A digest of a recipe (`ScoreRecipe.to_dict`, also as read from JSON), 12 hex digits: equal if comparable."""
    compared = _comparable(recipe)
    # Whether an interval is computed changes no value.
    compared["options"].pop("interval", None)
    for name in ("reference", "training"):
        source = compared[name]
        if source:  # identified by its fingerprint, whatever its name
            compared[name] = {part: source.get(part) for part in ("fingerprint", "count")}
    return hashlib.sha256(json.dumps(compared, sort_keys=True).encode()).hexdigest()[:12]


def recipe_differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Why two recipes are not comparable, in words: `features: inception against random`. Empty if they are."""
    found = []
    first_recipe, second_recipe = _comparable(one), _comparable(other)
    for name in COMPARED:
        first, second = first_recipe[name], second_recipe[name]
        if name in ("reference", "training") and first and second:
            other_pixels = any(one.get(part) != other.get(part) for part in ("size", "channels", "decode"))
            found += _source_differences(name, first, second, other_pixels=other_pixels)
        elif isinstance(first, dict) and isinstance(second, dict):
            found += [
                f"{name} {part}: {_text(first.get(part))} against {_text(second.get(part))}"
                for part in sorted({*first, *second})
                if first.get(part) != second.get(part)
            ]
        elif first != second:
            found.append(f"{name}: {_text(first)} against {_text(second)}")
    return found


def current_option(metric: str, option: str) -> str:
    """The current name of a metric's option, which may be given by a former name."""
    former = {old: new for new, old in RENAMED_OPTIONS.get(metric, {}).items()}
    return former.get(option, option)


def _comparable(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a recipe that decide whether scores are comparable, with options by their former names."""
    former = RENAMED_OPTIONS.get(recipe.get("metric", ""), {})
    options = {former.get(name, name): value for name, value in (recipe.get("options") or {}).items()}
    return {name: recipe.get(name) for name in COMPARED} | {"options": options}


def _source_differences(
    name: str, one: Mapping[str, Any], other: Mapping[str, Any], *, other_pixels: bool
) -> list[str]:
    """What differs between two references (or training sets)."""
    if one.get("fingerprint") == other.get("fingerprint") and one.get("count") == other.get("count"):
        return []
    first, second = (f"{each.get('count', 0):,} of {each.get('source')}" for each in (one, other))
    if first == second:
        # The same pictures at another size have another fingerprint; the difference in size is listed already.
        return [] if other_pixels else [f"{name}: both {first}, but the pictures differ (fingerprints)"]
    return [f"{name}: {first} against {second}"]


def _text(value: Any) -> str:
    if isinstance(value, list) and len(value) == 2:
        return size_text(value)
    return str(value) if not isinstance(value, dict) else str(value.get("name", value))


def title_of(output: MetricOutput, features: About | None) -> str:
    """The title of an output. "FID" and "KID" are reserved for the published Inception network with its own resize.

    features: the network that it was computed with, None if it needs none.
    """
    names = {"fd": "FID", "kd": "KID", "fd_infinity": "FID-infinity"}
    if (
        features is not None
        and features.published
        and features.name == "inception"
        and features.resize == "tf-bilinear"
    ):
        return names.get(output.name, output.title)
    return output.title
