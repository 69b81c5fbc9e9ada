"""Converting a long video by `swap_faces`: frames a second, and memory over the frames.

A clip of `face_video` beside the repository is played forth and back until there are `--frames` frames. The model is
the preset `small`, untrained: it takes as long as a trained one. Needs the weights (`imagewright weights get faces`).
Prints a row of JSON: wall and processor milliseconds a frame, and the resident memory in MiB at a tenth of each of the
two stages and at its end. Give `OMP_NUM_THREADS=1` for one core.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from harness import SHARED_DATA, make_parser, print_row

from imagewright import catalogue, swap_faces
from imagewright.images.footage import Footage, read_footage
from imagewright.output.footage.writer import write_footage

CLIP = "person_a_obama_address"
SIDE = 96


def forth_and_back(footage: Footage, count: int) -> Iterator[tuple[Fraction, np.ndarray]]:
    """(time, frame) of so many frames."""
    frames = [frame.picture for frame in footage.frames()]
    for number in range(count):
        place = number % (2 * len(frames) - 2)
        yield number / footage.rate, frames[min(place, 2 * len(frames) - 2 - place)]


def resident() -> float:
    """The memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--frames", type=int, default=10_000)
    arguments = parser.parse_args()
    model_class = catalogue.model_class("swap")
    torch.manual_seed(0)
    model = model_class(model_class.Config(size=(SIDE, SIDE), channels=3, preset="small", crop="whole"))
    memory: dict[str, list[tuple[int, float]]] = {}

    def watch(stage: str, done: int, total: int) -> None:
        memory.setdefault(stage, []).append((done, resident()))

    with TemporaryDirectory() as folder:
        video = Path(folder) / "long.mp4"
        original = read_footage(SHARED_DATA / "face_video" / f"{CLIP}.mp4")
        write_footage(forth_and_back(original, arguments.frames), video, original)
        began, used = time.perf_counter(), time.process_time()
        made = swap_faces(model, video, Path(folder) / "swapped.mp4", person="all", mask="hull", progress=watch)
        wall, processor = time.perf_counter() - began, time.process_time() - used
    frames = made.videos[0].frames
    print_row(
        {
            "frames": frames,
            "swapped": made.videos[0].swapped,
            "wall_ms": round(wall / frames * 1000, 1),
            "processor_ms": round(processor / frames * 1000, 1),
            "memory": {stage: [round(seen[len(seen) // 10][1]), round(seen[-1][1])] for stage, seen in memory.items()},
        }
    )


if __name__ == "__main__":
    main()
