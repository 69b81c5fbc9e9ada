"""Named points of a face in each layout, and the mean face that they are aligned to.

The mean face is that of dlib (Boost licence): points 17 to 67 of the 68 that annotations commonly have, in the unit
square, y down. `MESH_OF_68` says which point of the mesh stands for each of the 68.
"""

from __future__ import annotations

import numpy as np

from imagewright.faces.detections import Face

MEAN_FACE = np.array(
    [
        *((0.0101, 0.1065), (0.0851, 0.0389), (0.1910, 0.0187), (0.3006, 0.0345), (0.4033, 0.0774)),  # right brow
        *((0.5967, 0.0774), (0.6994, 0.0345), (0.8090, 0.0187), (0.9149, 0.0389), (0.9899, 0.1065)),  # left brow
        *((0.5, 0.2034), (0.5, 0.3070), (0.5, 0.4098), (0.5, 0.5156)),  # ridge of the nose
        *((0.3768, 0.5873), (0.4359, 0.6093), (0.5, 0.6281), (0.5641, 0.6093), (0.6232, 0.5873)),  # base of the nose
        *((0.1316, 0.2164), (0.1970, 0.1788), (0.2757, 0.1799), (0.3445, 0.2317), (0.2708, 0.2451), (0.1926, 0.2441)),
        *((0.6555, 0.2317), (0.7243, 0.1799), (0.8030, 0.1788), (0.8684, 0.2164), (0.8074, 0.2441), (0.7292, 0.2451)),
        *((0.2640, 0.7802), (0.3509, 0.7454), (0.4387, 0.7274), (0.5, 0.7426), (0.5613, 0.7274), (0.6491, 0.7454)),
        *((0.7360, 0.7802), (0.6520, 0.8648), (0.5666, 0.9022), (0.5, 0.9093), (0.4334, 0.9022), (0.3480, 0.8648)),
        *((0.3003, 0.7848), (0.4379, 0.7787), (0.5, 0.7853), (0.5620, 0.7787), (0.6997, 0.7848), (0.5632, 0.8242)),
        *((0.5, 0.8318), (0.4368, 0.8242)),
    ]
)
FIRST = 17  # the number of the first row of MEAN_FACE among the 68
MESH_OF_68 = np.array(
    [
        *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),  # jaw
        *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),  # brows
        *(168, 197, 5, 4, 75, 97, 2, 326, 305),  # nose
        *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
        *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87),  # lips
    ]
)
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)
NOSE_TIP, MOUTH = 30, (48, 54)
# Without most points of the lips: an open mouth must not change the scale.
STEADY = np.array([*range(17, 49), 54])
IDENTITY = np.array([number for number in range(27, 68) if number not in {55, 56, 57, 58, 59, 65, 66, 67}])
MEAN_FIVE = np.stack(
    [
        MEAN_FACE[RIGHT_EYE.start - FIRST : RIGHT_EYE.stop - FIRST].mean(0),
        MEAN_FACE[LEFT_EYE.start - FIRST : LEFT_EYE.stop - FIRST].mean(0),
        *(MEAN_FACE[number - FIRST] for number in (NOSE_TIP, *MOUTH)),
    ]
)
# Of an upright frontal face in the box of the cascade, as shares of its side.
CASCADE_FIVE = np.array([(0.30, 0.37), (0.70, 0.37), (0.5, 0.57), (0.34, 0.75), (0.66, 0.75)])


def sixty_eight(face: Face) -> np.ndarray:
    """The 68 common points (68, 2) of a face whose layout is the mesh."""
    points: np.ndarray = face.points[MESH_OF_68, :2]
    return points


def five_points(face: Face) -> np.ndarray:
    """(5, 2): the centres of the eyes at the left and the right of an upright picture, nose tip, corners of the mouth.

    BlazeFace has one point for the mouth; its corners are put at the distance that they have in the mean face.
    """
    points = face.points[:, :2]
    if face.layout == "mesh":
        common = sixty_eight(face)
        eyes = np.stack([common[RIGHT_EYE].mean(0), common[LEFT_EYE].mean(0)])
        return np.concatenate([eyes, common[[NOSE_TIP, *MOUTH]]])
    if face.layout == "blazeface":
        half = (points[1] - points[0]) * (MEAN_FIVE[4, 0] - MEAN_FIVE[3, 0]) / (MEAN_FIVE[1, 0] - MEAN_FIVE[0, 0]) / 2
        return np.stack([*points[:3], points[3] - half, points[3] + half])
    return points


def pairs_to_align(face: Face) -> tuple[np.ndarray, np.ndarray]:
    """The points (n, 2) that a face is aligned by, and their places in the mean face."""
    if face.layout == "mesh":
        return sixty_eight(face)[STEADY], MEAN_FACE[STEADY - FIRST]
    return five_points(face), MEAN_FIVE
