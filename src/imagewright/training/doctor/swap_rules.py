"""Rules of the doctor about face swaps: whose face is drawn, its mask, poses that the source lacks.

As in `rules.py`, a rule is a pure function of a run's history, and returns evidence and a remedy if it holds.
"""

from __future__ import annotations

from imagewright.training.doctor.changes import train_longer
from imagewright.training.doctor.history import History
from imagewright.training.doctor.remedies import Found, Remedy, scaled

# A training begins with blobs far from both people; then faces are nearer the target, whose pose and light they have,
# until the source's decoder has learned the source. After a third of the training they should be nearer the source.
COPIED_FROM = 1 / 3  # of the training

# The area of the mask over that of the outline of the face. The learned mask is the product of two: a little smaller.
SMALL_MASK, LARGE_MASK = 0.6, 1.5
STRONGER, FIRST_WEIGHT = 4.0, 10.0  # the weight of the mask's loss: times the present one, and if there is none

# The share of the target's faces whose pose the source has in too few pictures to learn it.
MISSING_POSES = 0.05
MISSING = "swap/missing/"
NAMED = 3


def copies_target(history: History) -> Found | None:
    """Swapped faces stay nearer the target than the source."""
    source, target = history.latest("swap/to_source"), history.latest("swap/to_target")
    total = history.planned("images_seen")
    if not history.has_begun or not source or not target:
        return None
    if not history.ended and history.images_seen < COPIED_FROM * total:
        return None
    if any(ours < theirs for ours, theirs in zip(source, target, strict=False)):
        return None
    evidence = (
        f"faces of the target drawn as the source are nearer the target ({target[-1]:.2f}) than the source "
        f"({source[-1]:.2f}; below 0.6 is one person)"
    )
    distances = history.figures("swap/to_source")[-10:]
    falls = len(distances) == 10 and sum(distances[5:]) < 0.98 * sum(distances[:5])
    if history.images_seen < total:
        return evidence, Remedy(resumes=True, note=f": {history.images_seen:,} of {total:,.0f} images are seen")
    if history.option("architecture") == "liae" and not falls:
        return evidence, Remedy(option="architecture", value="df", note=", which keeps the identity of the source")
    return evidence, train_longer(history, ", and more varied faces of the source")


def eaten_face(history: History) -> Found | None:
    """The mask leaves out much of the face, or takes in much more."""
    areas, overlaps = history.latest("swap/mask_area"), history.latest("swap/mask_overlap")
    if not history.has_begun or not areas or not overlaps:
        return None
    if not (max(areas) < SMALL_MASK or min(areas) > LARGE_MASK):
        return None
    limit = SMALL_MASK if max(areas) < SMALL_MASK else LARGE_MASK
    evidence = (
        f"masks have {areas[-1]:.2f} times the area of the faces' outlines (threshold {limit:g}), of which "
        f"{overlaps[-1]:.0%} is in both"
    )
    weight = history.option("mask")
    if isinstance(weight, int | float):
        wanted = scaled(float(weight), STRONGER) if weight else FIRST_WEIGHT
        return evidence, Remedy(option="mask", value=wanted, now=float(weight), note=", or convert with --mask hull")
    return evidence, Remedy(note="Convert with --mask hull")


def missing_poses(history: History) -> Found | None:
    """The target turns the head to where there are no pictures of the source."""
    shares = history.latest("swap/poses_missing", 1)
    if not shares or shares[-1] <= MISSING_POSES:
        return None
    by_name = {name: history.latest(f"{MISSING}{name}", 1) for name in history.names(MISSING, "")}
    names = sorted((name for name, found in by_name.items() if found), key=lambda name: -by_name[name][0])
    listed = "; ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    evidence = (
        f"{shares[-1]:.0%} of the target's faces have poses of which the source has hardly any ({listed}; threshold "
        f"{MISSING_POSES:.0%})"
    )
    note = "Add pictures of the source with these poses: swap extract, and train with --from this run"
    return evidence, Remedy(note=note)
