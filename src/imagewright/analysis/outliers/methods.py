"""The methods that score outliers, by name: a detector in a feature space, patches, or a verb of a run."""

from __future__ import annotations

from dataclasses import dataclass

from imagewright.analysis.outliers.detectors import DETECTORS
from imagewright.capabilities import verbs_of
from imagewright.catalogue import name_of
from imagewright.errors import UserError, nearest_name
from imagewright.verbs.apply import RunLike, resolve_model

ENSEMBLE, EVERY = "ensemble", "all"
"""The default, and every method there is; both rank by the members of the ensemble together."""
PATCHES = "patches"
PATCHES_WEIGHT = 10.0  # the other members together have 4: small defects are seen by patches alone
STATISTICS = "statistics"
ALARM_WEIGHT = 1.0
MEMBERS = ("mahalanobis", "plane")
"""The detectors of the ensemble: in each space a global one and one of the neighbourhood."""


@dataclass(frozen=True)
class OutlierMethod:
    """A method that scores outliers: a detector in a feature space, or another kind (`detector` empty)."""

    name: str
    space: str
    detector: str
    weight: float  # in the ensemble; 0 if it is no member
    is_alarm: bool = False  # whether its scores are deviations, of which only large ones count


def methods_in_space(space: str) -> list[OutlierMethod]:
    """Every detector in a space: `pca`, `edges-pca`, `latents-pca` ..."""
    prefix = "" if space == "pixels" else f"{space}-"
    members = ("plane",) if space == "latents" else MEMBERS
    return [OutlierMethod(prefix + each, space, each, 1.0 if each in members else 0.0) for each in DETECTORS]


def available_methods(run: RunLike | None, *, features: bool = False, patches: bool = True) -> list[OutlierMethod]:
    """All methods, including those that the run's model allows. Raises `UserError` for a run that allows none.

    run: a trained model.
    features: whether a feature network is compared by, instead of pixels and edges.
    patches: whether patches are a member of the ensemble.
    """
    spaces = ("features",) if features else ("pixels", "edges")
    found = [method for space in spaces for method in methods_in_space(space)]
    found.append(OutlierMethod(STATISTICS, STATISTICS, "", ALARM_WEIGHT, is_alarm=True))
    found.append(OutlierMethod(PATCHES, PATCHES, "", PATCHES_WEIGHT if patches else 0.0))
    if run is None:
        return found
    model = resolve_model(run)
    verbs = verbs_of(model)
    added = methods_in_space("latents") if "encode" in verbs else []
    added += [OutlierMethod("run-score", "run", "", 1.0)] if "score" in verbs else []
    added += [OutlierMethod("run-error", "run", "", 0.0 if "score" in verbs else 1.0)] if "reconstruct" in verbs else []
    if not added:
        raise UserError(
            f"{name_of(model)} can neither encode nor score pictures, so it cannot rank outliers: "
            "name a run of another model, or none."
        )
    return found + added


def select_methods(
    method: str, run: RunLike | None, *, features: bool = False, patches: bool = False
) -> list[OutlierMethod]:
    """The methods to compute for `method`: itself, all, or the ensemble's members.

    Arguments as for `available_methods`. Raises `UserError` for an unknown method.
    """
    available = available_methods(run, features=features, patches=patches)
    if method == ENSEMBLE:
        return [each for each in available if each.weight]
    if method == EVERY:
        return [each for each in available if each.weight or each.space != PATCHES]
    names = [each.name for each in available]
    if method not in names:
        raise UserError(
            f"There is no method {method!r}{_needed_for(method, run, features)}."
            f"{nearest_name(method, [ENSEMBLE, EVERY, *names])} Known: {ENSEMBLE}, {EVERY}, {', '.join(names)}."
        )
    return [each for each in available if each.name == method]


def _needed_for(method: str, run: RunLike | None, features: bool) -> str:
    if run is None and method.startswith(("latents-", "run-")):
        return " (with --space RUN)"
    if not features and method.startswith("features-"):
        return " (with --features NAME)"
    return ""
