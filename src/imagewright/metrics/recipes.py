"""By what a score was computed, when two scores may stand in one column, and protocols that have a name.

A score's key is a digest of all that changes its value but the pictures judged and the seed: metric and options,
features with their network's hash and resize filter, the size at which pictures are judged, how many, and the reference
by its fingerprint. Scores of one key may be compared; of others the difference is said.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imagewright.errors import ConfigError, nearest_name
from imagewright.metrics.metric import Metric, Output
from imagewright.pretrained.features.contract import About
from imagewright.versions import versions

FORMAT = 1  # a new number where the arithmetic of scores changes
COMPARED = ("format", "metric", "options", "features", "size", "channels", "decode", "count", "reference", "training")


@dataclass(frozen=True)
class Protocol:
    """A name for a way to score that others use too.

    metric, features and resize; count: generated pictures; reference_count: real ones at most, None for all; options of
    the metric. source: who uses it so.
    """

    metric: str
    features: str
    count: int
    reference_count: int | None
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)


PROTOCOLS = {
    "fid50k_full": Protocol("fd", "inception", 50_000, None, "Karras et al. 2020 (StyleGAN2-ADA), appendix; all reals"),
    "fid10k_full": Protocol("fd", "inception", 10_000, None, "as fid50k_full, of 10,000 generated pictures"),
    "kid50k_full": Protocol(
        "kd", "inception", 50_000, 1_000_000, "Karras et al. 2020 (StyleGAN2-ADA): 100 subsets of 1,000"
    ),
    "is50k": Protocol("inception_score", "inception", 50_000, None, "Salimans et al. 2016: ten splits of 5,000"),
    "fd_dinov2_50k": Protocol("fd", "dinov2", 50_000, None, "Stein et al. 2023"),
}


def protocol_named(name: str) -> Protocol:
    """The protocol of that name. Raises `ConfigError` with the nearest name for another."""
    if name not in PROTOCOLS:
        known = ", ".join(PROTOCOLS)
        raise ConfigError(f"There is no protocol {name!r}: expected {known}.{nearest_name(name, PROTOCOLS)}")
    return PROTOCOLS[name]


def recipe_of(
    metric: Metric,
    options: Mapping[str, Any],
    *,
    about: About | None,
    size: tuple[int, int],
    channels: int,
    decode: str | None,
    count: int | None,
    reference: Mapping[str, Any] | None,
    training: Mapping[str, Any] | None,
    seed: int,
    protocol: str | None,
) -> dict[str, Any]:
    """The recipe of a score, ready for JSON.

    `decode`: how files became pictures of that size. `reference`: `source`, `count`, `fingerprint`.
    """
    return {
        "format": FORMAT,
        "metric": metric.name,
        "options": dict(sorted(options.items())),
        "features": None if about is None else about.to_dict(),
        "size": list(size),
        "channels": channels,
        "decode": decode,
        "count": count,
        "reference": None if reference is None else dict(reference),
        "training": None if training is None else dict(training),
        "seed": seed,
        "protocol": protocol,
        "versions": versions(),
    }


def key_of(recipe: Mapping[str, Any]) -> str:
    """Equal for recipes whose scores may stand in one column: 12 hex digits."""
    compared = {name: recipe.get(name) for name in COMPARED}
    # Whether an interval is computed changes no value.
    compared["options"] = {name: value for name, value in recipe.get("options", {}).items() if name != "interval"}
    for name in ("reference", "training"):
        source = compared[name]
        if source:  # its fingerprint says what it is, by whatever name
            compared[name] = {part: source.get(part) for part in ("fingerprint", "count")}
    return hashlib.sha256(json.dumps(compared, sort_keys=True).encode()).hexdigest()[:12]


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What keeps two scores of a metric apart, in words: `features: inception against random`. Empty: nothing does."""
    found = []
    for name in COMPARED:
        first, second = one.get(name), other.get(name)
        if name in ("reference", "training") and first and second:
            other_pixels = any(one.get(part) != other.get(part) for part in ("size", "channels", "decode"))
            found += _unlike_sources(name, first, second, other_pixels=other_pixels)
        elif isinstance(first, dict) and isinstance(second, dict):
            found += [
                f"{name} {part}: {_said(first.get(part))} against {_said(second.get(part))}"
                for part in sorted({*first, *second})
                if first.get(part) != second.get(part)
            ]
        elif first != second:
            found.append(f"{name}: {_said(first)} against {_said(second)}")
    return found


def _unlike_sources(name: str, one: Mapping[str, Any], other: Mapping[str, Any], *, other_pixels: bool) -> list[str]:
    if one.get("fingerprint") == other.get("fingerprint") and one.get("count") == other.get("count"):
        return []
    first, second = (f"{each.get('count', 0):,} of {each.get('source')}" for each in (one, other))
    if first == second:
        # The same pictures at another size have another fingerprint; that the size differs is said already.
        return [] if other_pixels else [f"{name}: both {first}, but the pictures differ (fingerprints)"]
    return [f"{name}: {first} against {second}"]


def _said(value: Any) -> str:
    if isinstance(value, list) and len(value) == 2:
        return "x".join(str(part) for part in value)
    return str(value) if not isinstance(value, dict) else str(value.get("name", value))


def title_of(output: Output, about: About | None) -> str:
    """What a number is called. "FID" and "KID" are only those of the published Inception network and its own resize.

    `about`: the network of the features that it was computed in, None where it needs none.
    """
    names = {"fd": "FID", "kd": "KID", "fd_infinity": "FID-infinity"}
    if about is not None and about.published and about.name == "inception" and about.resize == "tf-bilinear":
        return names.get(output.name, output.title)
    return output.title
