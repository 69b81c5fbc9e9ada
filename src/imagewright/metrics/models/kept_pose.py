"""Whether a swap of drawn heads keeps their pose, their place and their mouth, and whose head it draws: from pixels.

For people like those of `data shapes people`, whose poses can be found again in pixels. Photographs have `face_swap`,
which measures the same pose error by the mesh. Shape letters: N pictures, C H W.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from imagewright.capabilities import verbs_of
from imagewright.errors import DataError
from imagewright.faces.drawn.measuring import PEOPLE, MeasuredHeads, measure_heads
from imagewright.images.selection import even_places
from imagewright.metrics.intervals import bootstrap
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Sample, Value
from imagewright.metrics.models.face_swap import swap_faces
from imagewright.seeds import derive_seed
from imagewright.training_capabilities import swaps_identities

NEEDED = 0.5  # share of the pictures that must show a drawn head: fewer are no drawn people
SOURCE, TARGET = 0, 1


def pose_errors(one: MeasuredHeads, other: MeasuredHeads) -> np.ndarray:
    """The length of the difference in yaw, pitch and roll in degrees, (N,); NaN where a head is missing."""
    found: np.ndarray = np.linalg.norm(one.poses - other.poses, axis=1)
    return found


def compare_heads(
    before: MeasuredHeads, after: MeasuredHeads, rebuilt: MeasuredHeads, source: int, seed: int
) -> dict[str, np.ndarray]:
    """What a swap keeps, by the name of the output: a row for each picture that has a head before, and after.

    before, after: of the frames, and of the same frames swapped.
    rebuilt: of the frames drawn as the person that they show, which is the floor of the pose error.
    source: the person put in, of `PEOPLE`.
    seed: of the other frames whose poses are compared at random.
    """
    turned = np.random.default_rng(derive_seed(seed, "other frames")).permutation(len(before.found))
    others = np.empty_like(turned)
    others[turned] = np.roll(turned, 1)  # no frame is its own other
    poses = before.poses
    rows = {
        "kept_head": after.found[before.found].astype(float),
        "kept_pose": pose_errors(after, before),
        "kept_pose_rebuilt": pose_errors(rebuilt, before),
        "kept_pose_random": np.linalg.norm(poses - poses[others], axis=1),
        "kept_head_place": np.hypot(after.x - before.x, after.y - before.y),
        "kept_mouth": np.abs(np.clip(after.opening, 0, 1) - np.clip(before.opening, 0, 1)),
        "kept_pose_source": (after.person == source)[before.found & after.found].astype(float),
    }
    return {name: values[np.isfinite(values)] for name, values in rows.items()}


def _measure(images: Tensor, source: str) -> MeasuredHeads:
    if images.shape[1] != 3 or images.shape[2] != images.shape[3]:
        raise DataError(
            f"kept_pose measures heads in square colour pictures, and those of {source} are "
            f"{images.shape[3]}x{images.shape[2]}x{images.shape[1]}."
        )
    return measure_heads(images.permute(0, 2, 3, 1).contiguous().numpy())


def _measure_people(images: Tensor, source: str, option: str) -> MeasuredHeads:
    found = _measure(images, source)
    if found.found.mean() < NEEDED:
        without = int((~found.found).sum())
        raise DataError(
            f"kept_pose measures the drawn heads of `imagewright data shapes OUT --kind people`, and {without:,} of "
            f"{len(images):,} pictures of {source} show none: name faces of a drawn person with {option}. Swaps of "
            "photographs are measured by face_swap."
        )
    return found


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    model = sample.model
    assert reference is not None
    assert context.training is not None
    if not swaps_identities(model):
        verbs = ", ".join(verbs_of(model)) if model is not None else "nothing"
        raise DataError(f"{sample.source} swaps no faces (it answers {verbs}): kept_pose scores runs of `swap`.")
    count = int(context.options["pictures"])
    frames, people = (each.pictures.pictures(even_places(len(each), count)) for each in (reference, context.training))
    before = _measure_people(frames, reference.source, "--against (against=)")
    put_in = _measure_people(people, context.training.source, "--training (training=)")
    after, rebuilt = (_measure(swap_faces(model, frames, to)[0], sample.source) for to in (SOURCE, TARGET))
    source = int(np.bincount(put_in.person[put_in.found], minlength=len(PEOPLE)).argmax())
    kept = compare_heads(before, after, rebuilt, source, context.seed)
    return {name: bootstrap(rows, seed=context.seed, what="faces") for name, rows in kept.items() if len(rows)}


METRIC = Metric(
    name="kept_pose",
    outputs=(
        MetricOutput("kept_head", "drawn heads found again", "higher"),
        MetricOutput("kept_pose", "pose error, degrees", "lower"),
        MetricOutput("kept_pose_rebuilt", "pose error of rebuilt faces, degrees", "lower"),
        MetricOutput("kept_pose_random", "pose error of random frames, degrees", None),
        MetricOutput("kept_head_place", "head moved, sides", "lower"),
        MetricOutput("kept_mouth", "error of the mouth's opening", "lower"),
        MetricOutput("kept_pose_source", "heads drawn as the source", "higher"),
    ),
    needs=frozenset({"model", "reference", "training"}),
    compute=_compute,
    source="templates of drawn heads; pose error as in Roessler et al. 2019, arXiv:1901.08971",
    summary="whether a swap of the drawn people of the set shapes keeps pose and mouth, and whose head it draws",
    least=2,
    options={"pictures": 200},
)
