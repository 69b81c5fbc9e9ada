"""Footage of painted people, found and told apart by their colours: swaps are tested without weights.

Run as a program, it swaps a video with an untrained model: `painted_people.py VIDEO OUT`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from face_shapes import posed_face
from tiny import tiny_model

from imagewright.face_swap.people import Person
from imagewright.faces.detections import Face
from imagewright.faces.pose import Pose
from imagewright.model import Model

HEIGHT, WIDTH, RADIUS = 96, 192, 14
ANNA, BERT = (220, 90, 90), (90, 90, 220)
COLOURS = np.array([ANNA, BERT])
NEAR = 60  # distance of a pixel's colour from a person's


def paint(*people: tuple[int, tuple[int, int, int]], shade: int = 120) -> np.ndarray:
    """A frame with a disc at each x, of the colour of a person, over a pattern."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.repeat((shade + 20 * np.sin(rows / 5) * np.cos(columns / 7))[..., None], 3, 2)
    for place, colour in people:
        picture[(rows - HEIGHT // 2) ** 2 + (columns - place) ** 2 < RADIUS**2] = colour
    return picture.astype(np.uint8)


def walk(count: int, *, absent: Sequence[int] = ()) -> list[np.ndarray]:
    """Anna goes to the right, Bert stands. In frames of `absent` there is nobody."""
    return [paint() if each in absent else paint((40 + each, ANNA), (150, BERT)) for each in range(count)]


class ColourFinder:
    """Finds discs of the colours of people."""

    name, notes = "networks", ()

    def find(self, picture: np.ndarray) -> list[Face]:
        found = []
        for colour in COLOURS:
            places = np.argwhere(np.abs(picture.astype(int) - colour).sum(2) < NEAR)
            if len(places) > 100:
                y, x = places.mean(0) + 0.5
                found.append(posed_face(Pose(0, 0, 0), centre=(float(x), float(y)), side=RADIUS))
        return found


def identify_by_colour(picture: np.ndarray, faces: Sequence[Face]) -> np.ndarray:
    """Anna's identity is (1, 0, 0 ...), Bert's (0, 1, 0 ...)."""
    rows = np.zeros((len(faces), 128))
    for row, face in zip(rows, faces, strict=True):
        x, y = ((face.box[:2] + face.box[2:]) / 2).astype(int)
        row[np.abs(COLOURS - picture[y, x].astype(int)).sum(1).argmin()] = 1
    return rows


def person(number: int) -> Person:
    """Anna (0) or Bert (1), as references would give them."""
    return Person(("anna", "bert")[number], np.eye(128)[number : number + 1])


def untrained_swap() -> Model:
    """A tiny swap model: what it draws is noise, the same each time."""
    return tiny_model("swap", size=(16, 16), crop="face")


def main(video: str, out: str) -> None:
    from imagewright.face_swap.convert.swapping import FaceSwapper, SwapOptions
    from imagewright.face_swap.convert.video import convert_video
    from imagewright.output.footage import writer
    from imagewright.pretrained.faces import networks

    networks.identify = identify_by_colour
    writer.SEGMENT_FRAMES = 10
    swapper = FaceSwapper(untrained_swap(), SwapOptions(mask="hull"))
    print("ready", flush=True)
    convert_video(swapper, Path(video), Path(out), ColourFinder(), person(0))


if __name__ == "__main__":
    main(*sys.argv[1:])
