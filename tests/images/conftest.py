"""Small pictures on the disk and a cache folder, new for each test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of this test, by the environment variable that users have."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(folder))
    monkeypatch.delenv("IMAGEWRIGHT_MIRROR", raising=False)
    return folder


@pytest.fixture
def picture() -> Callable[..., Image.Image]:
    """A picture of noise: `picture(seed, (width, height), mode)`; another seed, another picture."""

    def make(seed: int = 0, size: tuple[int, int] = (12, 10), mode: str = "RGB") -> Image.Image:
        channels = {"L": 1, "RGB": 3, "RGBA": 4, "CMYK": 4, "LA": 2}[mode]
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), np.uint8)
        # frombytes and not fromarray: a grey-alpha or CMYK picture of raw bytes
        return Image.frombytes(mode, size, pixels.tobytes())

    return make


@pytest.fixture
def folder(tmp_path: Path, picture: Callable[..., Image.Image]) -> Path:
    """Six RGB pictures of 12x10 (width by height), `0.png` to `5.png`."""
    root = tmp_path / "photos"
    root.mkdir()
    for seed in range(6):
        picture(seed).save(root / f"{seed}.png")
    return root


@pytest.fixture
def classes(tmp_path: Path, picture: Callable[..., Image.Image]) -> Path:
    """Two classes of ten pictures each, JPEG and PNG."""
    root = tmp_path / "photos"
    for seed in range(20):
        folder = root / ("cats" if seed < 10 else "dogs")
        folder.mkdir(parents=True, exist_ok=True)
        picture(seed, (16, 16)).save(folder / f"{seed}{'.jpg' if seed % 2 else '.png'}")
    return root


@pytest.fixture
def pixels_of() -> Callable[[Image.Image], np.ndarray]:
    """A Pillow picture as uint8 (C, H, W), the layout of batches."""

    def convert(image: Image.Image) -> np.ndarray:
        values = np.asarray(image)
        return values[None] if values.ndim == 2 else values.transpose(2, 0, 1)

    return convert


@pytest.fixture
def shared() -> Path:
    """The folder of real image data beside the repository; the test is skipped if it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the real image data (../shared/data) is not on this machine")
    return SHARED
