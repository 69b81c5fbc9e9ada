"""Answers of the studio as a browser reads them."""

from __future__ import annotations

import json

import numpy as np

from imagewright.studio.serving.encoding import encode_answer
from imagewright.studio.serving.page import Picture


def test_what_goes_with_a_picture_is_json() -> None:
    """Arrays become lists. A browser refuses NaN and Infinity, and the page would wait for this answer for ever."""

    def refuse(name: str) -> None:
        raise AssertionError(name)

    about = {"error": float("nan"), "psnr": np.float32(np.inf), "bits": np.array([[1, 2]])}
    answer = encode_answer(7, [Picture(np.zeros((2, 3, 1), np.uint8), None, "grey", about)], ["ticket"])
    length = int.from_bytes(answer[:4], "little")
    (entry,) = json.loads(answer[4 : 4 + length], parse_constant=refuse)["pictures"]
    assert entry["about"] == {"error": None, "psnr": None, "bits": [[1, 2]]}
    assert (4 + length) % 4 == 0
    assert len(answer) == 4 + length + 2 * 3 * 4
