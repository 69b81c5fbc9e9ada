"""Faces: how many are found, how near their eyes are to CelebA's alignment, how much points shake over time.

Needs the weights (`imagewright weights get faces`) and the pictures beside the repository. Prints a row of JSON a part:

- video: frames of both clips of `face_video` in which a face is found; milliseconds a frame; the shake of the eye
  corners, nose and corners of the mouth, raw and smoothed, in % of the eye distance (the median frame, and the root
  mean square), and the lag of the smoothed ones
  in frames (the shift of the raw motion that fits best, by parabola).
- lfw: share of the pictures of `lfw_deepfunneled` in which a face is found at the centre.
- celeba: mean place of the eye centres beside the place that CelebA's alignment gives them; the mean distance of the
  eye centres of a picture from it, which has the shapes of faces in it; and how far the similarity that aligns a
  picture's five points to their mean moves the eyes, which has not; and how far apart the eye centres of a picture and
  of its mirror image are. In % of the eye distance.
- identity: LFW pairs told apart by the identity network at the best threshold, and nearest neighbours that are right.
"""

from __future__ import annotations

import argparse
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from harness import SHARED_DATA, make_parser, print_row
from PIL import Image

from imagewright.faces.detections import Face
from imagewright.faces.landmarks import five_points
from imagewright.faces.similarity import apply_affine, fit_similarity
from imagewright.faces.smoothing import shake, smooth_points
from imagewright.pretrained.faces.finder import NetworkFinder
from imagewright.pretrained.faces.networks import identify

CELEBA_EYES = np.array([(69.5, 111.0), (108.0, 111.0)])  # of its 178x218 pictures
STEADY_MESH = (33, 133, 362, 263, 1, 61, 291)
MIRRORED = 4  # every fourth picture is measured mirrored, too
CLIPS = ("person_a_obama_address", "person_b_trump_oval_office")


def pictures_of(archive: Path, every: int = 1) -> Iterator[tuple[str, np.ndarray]]:
    """(name, uint8 (H, W, 3)) of the pictures in a zip file."""
    with zipfile.ZipFile(archive) as opened:
        names = sorted(name for name in opened.namelist() if name.lower().endswith((".jpg", ".png", ".pgm")))
        for name in names[::every]:
            with opened.open(name) as stored:
                yield name, np.asarray(Image.open(stored).convert("RGB"))


def frames_of(clip: Path) -> Iterator[np.ndarray]:
    """The frames of a video."""
    import av

    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def measure_video(folder: Path, most: int | None) -> None:
    finder = NetworkFinder(small=False)
    for clip in CLIPS:
        tracks, missed, spent = [], 0, 0.0
        for number, frame in enumerate(frames_of(folder / f"{clip}.mp4")):
            if number == most:
                break
            start = time.process_time()
            found = finder.find(frame)
            spent += time.process_time() - start
            missed += not found
            tracks += [found[0].points[STEADY_MESH, :2]] if found else []
        points = np.stack(tracks)
        start = time.process_time()
        smoothed = smooth_points(points)
        smoothing = time.process_time() - start
        eyes = 100 / np.linalg.norm(points[:, :2].mean(1) - points[:, 2:4].mean(1), axis=1).mean()
        print_row(
            {
                "part": "video",
                "clip": clip,
                "frames": len(points) + missed,
                "missed": missed,
                "cpu_ms": round(1000 * spent / (len(points) + missed), 1),
                "shake_percent": spread(shake(points) * eyes),
                "smoothed_shake_percent": spread(shake(smoothed) * eyes),
                "moved_percent": round(float(np.linalg.norm(smoothed - points, axis=-1).mean()) * eyes, 3),
                "lag_frames": round(lag(points, smoothed), 3),
                "smoothing_us": round(1e6 * smoothing / len(points), 1),
            }
        )


def spread(values: np.ndarray) -> list[float]:
    """The median, which is of even motion, and the root mean square, in which turns of the head are too."""
    return [round(float(np.median(values)), 3), round(float(np.sqrt(np.square(values).mean())), 3)]


def lag(points: np.ndarray, smoothed: np.ndarray) -> float:
    """The delay, in frames, of the raw motion that is nearest to the smoothed one: vertex of a parabola."""
    errors = [np.square(smoothed[2:-2] - points[2 - shift : len(points) - 2 - shift]).sum() for shift in (-1, 0, 1)]
    return float((errors[0] - errors[2]) / (2 * (errors[0] - 2 * errors[1] + errors[2])))


def measure_lfw(archive: Path, every: int) -> None:
    finder = NetworkFinder()
    total, missed = 0, []
    for name, picture in pictures_of(archive, every):
        total += 1
        centred = [face for face in finder.find(picture) if is_central(face, picture)]
        missed += [] if centred else [name]
    share = round(100 * (1 - len(missed) / total), 2)
    print_row({"part": "lfw", "pictures": total, "found_percent": share, "missed": missed})


def is_central(face: Face, picture: np.ndarray) -> bool:
    """Whether the box has the centre of the picture."""
    height, width = picture.shape[:2]
    return bool(face.box[0] < width / 2 < face.box[2] and face.box[1] < height / 2 < face.box[3])


def measure_celeba(archive: Path) -> None:
    finder = NetworkFinder()
    rows, mirrored = [], []
    for total, (_, picture) in enumerate(pictures_of(archive), 1):
        found = [face for face in finder.find(picture) if is_central(face, picture)]
        rows += [five_points(found[0])] if found else []
        if found and total % MIRRORED == 0:
            other = [face for face in finder.find(picture[:, ::-1]) if is_central(face, picture)]
            eyes = [picture.shape[1], 0] - five_points(other[0])[1::-1] * [1, -1] if other else np.full((2, 2), np.nan)
            mirrored.append(rows[-1][:2] - eyes)
    points = np.stack(rows)
    percent = 100 / float(CELEBA_EYES[1, 0] - CELEBA_EYES[0, 0])
    template = points.mean(0)
    moved = [apply_affine(fit_similarity(each, template), CELEBA_EYES) - CELEBA_EYES for each in points]
    print_row(
        {
            "part": "celeba",
            "pictures": total,
            "found": len(points),
            "mean_eyes": template[:2].round(2).tolist(),
            "mean_offset_percent": ((template[:2] - CELEBA_EYES) * percent).round(2).tolist(),
            "eyes_percent": mean_length(points[:, :2] - CELEBA_EYES) * percent,
            "alignment_percent": mean_length(np.stack(moved)) * percent,
            "mirrored_percent": mean_length(np.stack(mirrored)) * percent,
        }
    )


def mean_length(offsets: np.ndarray) -> float:
    return float(np.linalg.norm(offsets, axis=-1).mean())


def measure_identity(archive: Path, every: int) -> None:
    finder = NetworkFinder(small=False)
    rows, people = [], []
    for name, picture in pictures_of(archive, every):
        found = [face for face in finder.find(picture) if is_central(face, picture)]
        if found:
            rows.append(identify(picture, found[:1])[0])
            people.append(name.split("/")[-2])
    vectors, names = np.stack(rows), np.array(people)
    distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
    same = names[:, None] == names[None]
    upper = np.triu_indices(len(names), 1)
    near, far = np.sort(distances[upper][same[upper]]), np.sort(distances[upper][~same[upper]])
    steps = np.linspace(0.3, 0.9, 121)
    right = (np.searchsorted(near, steps) / len(near) + 1 - np.searchsorted(far, steps) / len(far)) / 2
    np.fill_diagonal(distances, np.inf)
    print_row(
        {
            "part": "identity",
            "pictures": len(names),
            "people": len(set(people)),
            "pair_accuracy": round(float(right.max()), 4),
            "threshold": round(float(steps[right.argmax()]), 3),
            "nearest_right": round(float((names[distances.argmin(1)] == names).mean()), 4),
        }
    )


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--parts", nargs="+", default=["video", "celeba", "identity", "lfw"])
    parser.add_argument("--every", type=int, default=1, help="take every n-th picture of LFW")
    parser.add_argument("--frames", type=int, help="frames of a clip; all by default")
    given: argparse.Namespace = parser.parse_args()
    lfw = SHARED_DATA / "lfw_deepfunneled" / "lfw_subset.zip"
    for part in given.parts:
        if part == "video":
            measure_video(SHARED_DATA / "face_video", given.frames)
        elif part == "celeba":
            measure_celeba(SHARED_DATA / "celeba_178x218_sample" / "images.zip")
        elif part == "identity":
            measure_identity(lfw, max(given.every, 3))
        else:
            measure_lfw(lfw, given.every)


if __name__ == "__main__":
    main()
