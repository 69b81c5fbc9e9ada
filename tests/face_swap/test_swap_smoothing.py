"""Swapped faces in videos are averaged over time: less flicker, and nothing of a frame that shows something else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

av = pytest.importorskip("av", reason="the extra 'video' (av) is not installed")

import painted_people  # noqa: E402
from footage_clips import changed_pixels, make_clip  # noqa: E402
from painted_people import ANNA, BERT, HEIGHT, ColourFinder, identify_by_colour, paint, walk  # noqa: E402

from imagewright.face_swap.convert import convert as converting  # noqa: E402
from imagewright.face_swap.convert.convert import swap_faces  # noqa: E402
from imagewright.images.footage import read_footage  # noqa: E402
from imagewright.output.footage import writer  # noqa: E402
from imagewright.pretrained.faces import networks  # noqa: E402

PLAIN: dict[str, Any] = {
    "person": "all", "mask": "hull", "colour": "none", "sharpen": "none", "lossless": True, "force": True,
}  # fmt: skip
MIDDLE = HEIGHT // 2


@pytest.fixture(autouse=True)
def painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces are discs of the colours of people."""
    monkeypatch.setattr(networks, "identify", identify_by_colour)
    monkeypatch.setattr(converting, "open_face_finder", lambda find, confirm: ColourFinder())
    monkeypatch.setattr(writer, "SEGMENT_FRAMES", 5)


@pytest.fixture(scope="module")
def model() -> Any:
    return painted_people.untrained_swap()


def convert(model: Any, video: Path, smooth: str) -> np.ndarray:
    """The frames (T, H, W, 3) of a swapped video."""
    out = video.with_name("out.mkv")
    swap_faces(model, video, out, smooth=smooth, **PLAIN)
    return np.stack([frame.picture.astype(float) for frame in read_footage(out).frames()])


def draws_what_is_there(self: Any, images: torch.Tensor, to: int = 0, strength: float = 1.0) -> Any:
    return images, torch.ones_like(images[:, :1])


@pytest.mark.learning
def test_a_face_that_flickers_flickers_less(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    count, absent = 22, range(6, 15)
    video = make_clip(tmp_path / "walk.mkv", walk(count, absent=absent), codec="ffv1")
    calls: list[float] = []

    def flickering(self: Any, images: torch.Tensor, to: int = 0, strength: float = 1.0) -> Any:
        """Anna and Bert are drawn in each frame: lighter in every second one."""
        calls.append(0.2 if len(calls) // 2 % 2 else -0.2)
        return torch.full_like(images, calls[-1]), torch.ones_like(images[:, :1])

    monkeypatch.setattr(type(model), "swap", flickering)

    def flicker(smooth: str) -> tuple[float, float]:
        """The mean change in the middle of each face, of frames in a row with people."""
        calls.clear()
        made = convert(model, video, smooth)
        pairs = [each for each in range(count - 1) if not {each, each + 1} & set(absent)]
        anna = np.abs([made[each, MIDDLE, 40 + each] - made[each + 1, MIDDLE, 41 + each] for each in pairs]).mean()
        bert = np.abs([made[each, MIDDLE, 150] - made[each + 1, MIDDLE, 150] for each in pairs]).mean()
        return float(anna), float(bert)

    before, after = flicker("none"), flicker("auto")
    assert min(before) > 40
    assert max(after) < min(before) / 2
    changed = changed_pixels(video, tmp_path / "out.mkv")
    assert [bool(each.any()) for each in changed] == [each not in absent for each in range(count)]


def mouth_opens(frame: np.ndarray) -> np.ndarray:
    frame = frame.copy()
    frame[MIDDLE - 3 : MIDDLE + 3, 144:156] = (20, 0, 0)
    return frame


BEFORE = paint((150, BERT))
CHANGES = {
    "a mouth opens": mouth_opens(BEFORE),
    "a cut": paint((150, BERT), shade=30),
    "another person": paint((150, ANNA)),
}


@pytest.mark.parametrize("after", CHANGES.values(), ids=CHANGES)
def test_what_changes_at_once_is_not_averaged(
    tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch, after: np.ndarray
) -> None:
    monkeypatch.setattr(type(model), "swap", draws_what_is_there)
    frames: Sequence[np.ndarray] = [BEFORE] * 6 + [after] * 6
    video = make_clip(tmp_path / "change.mkv", frames, codec="ffv1")
    plain, smooth = (convert(model, video, each) for each in ("none", "auto"))
    differs = np.abs(BEFORE.astype(float) - after) > 40
    apart = np.abs(plain - smooth)[:, differs]
    # A mean over the window would be 20 % and more of the change apart: 18 grey levels.
    assert apart.mean(1).max() < 4
