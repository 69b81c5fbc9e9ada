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
# Of the mesh: its outline in order, from the middle of the forehead to the left of the face and around.
OVAL = np.array(
    [
        *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
        *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    ]
)
# Of the mesh: points that do not move with expression, those of the middle first, then the right half of the face and,
# in the same order, the left. MEAN_RIGID is their mean shape over 356 photographs of 51 people, made symmetric: x to
# the right, y down, depth away from the camera, in distances of the outer corners of the eyes. Its pitch is the median
# of these photographs.
_MIDDLE = (10, 151, 9, 8, 168, 6, 197, 195, 5, 4)
_RIGHT = (33, 133, 54, 67, 103, 109, 127, 162, 21, 98, 129, 143, 121, 198, 117, 119)
_LEFT = (263, 362, 284, 297, 332, 338, 356, 389, 251, 327, 358, 372, 350, 420, 346, 348)
_MIDDLE_PLACES = (
    *((0.0, -0.5653, -0.2095), (0.0, -0.3933, -0.2455), (0.0, -0.2143, -0.2707), (0.0, -0.121, -0.2547)),
    *((0.0, -0.0408, -0.2489), (0.0, 0.0453, -0.2964), (0.0, 0.1255, -0.3509), (0.0, 0.1997, -0.41)),
    *((0.0, 0.2785, -0.4712), (0.0, 0.3736, -0.4971)),
)
_RIGHT_PLACES = (
    *((-0.5, 0.0, 0.0), (-0.1911, 0.0175, -0.0609), (-0.6657, -0.3728, 0.1495), (-0.3884, -0.5315, -0.1178)),
    *((-0.5547, -0.4687, 0.0065), (-0.2096, -0.5601, -0.1902), (-0.7848, 0.0416, 0.5502), (-0.7747, -0.1217, 0.4333)),
    *((-0.7375, -0.2516, 0.2883), (-0.1934, 0.4844, -0.205), (-0.234, 0.407, -0.1646), (-0.6929, 0.0542, 0.162)),
    *((-0.2016, 0.1416, -0.1256), (-0.1547, 0.2839, -0.2796), (-0.5845, 0.1846, 0.0067), (-0.3656, 0.2002, -0.0889)),
)
RIGID = np.array(_MIDDLE + _RIGHT + _LEFT)
MEAN_RIGID = np.concatenate([_MIDDLE_PLACES, _RIGHT_PLACES, np.array(_RIGHT_PLACES) * (-1, 1, 1)])
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
