"""Every page at both widths, light and dark: no sideways scroll, nothing that is drawn in one of the colours alone."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from served_studio import ServedStudio

from imagewright.studio.pages.all_pages import PAGES

BLOCK = 16  # pixels of a side
ANYTHING = 12  # grey levels between the darkest and the brightest pixel of a block with something in it


def drawn(picture: bytes) -> np.ndarray:
    """Which blocks of a screenshot have something in them, bool (H / 16, W / 16)."""
    grey = np.asarray(Image.open(BytesIO(picture)).convert("L"), np.int16)
    height, width = (side // BLOCK * BLOCK for side in grey.shape)
    blocks = grey[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    found: np.ndarray = blocks.max((1, 3)) - blocks.min((1, 3)) >= ANYTHING
    return found


def in_colours(page: Any, colours: str) -> np.ndarray:
    page.emulate_media(color_scheme=colours, reduced_motion="reduce")
    page.wait_for_timeout(60)
    return drawn(page.screenshot())


@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.learning)])
def test_pages_have_one_structure_in_light_and_dark(
    width: int, tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Any]
) -> None:
    walked = walk(serve(tmp_path), width=width)
    for name in PAGES:
        if name == "library":
            continue
        page = walked.open(name)
        page.wait_for_load_state("networkidle")
        found: list[np.ndarray] = []

        def is_equal(page: Any = page, found: list[np.ndarray] = found) -> bool:
            found[:] = (in_colours(page, colours) for colours in ("light", "dark"))
            return bool((found[0] != found[1]).mean() < 0.02)

        walked.wait_until(is_equal, f"{name} shows other things in dark than in light")  # pictures may still arrive
        assert found[0].mean() > 0.02, f"{name} is empty"
        assert not walked.has_sideways_scroll(), name
        assert page.locator("main h1").count() == 1, name
