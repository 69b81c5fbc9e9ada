"""`show` and `save`: whatever has pictures, on the screen or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageShow
from tiny import train_tiny

import imagewright as iw
from imagewright.errors import RunError, UserError

PICTURES = torch.randint(0, 256, (5, 3, 12, 10), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def load(path: Path) -> np.ndarray:
    with np.load(path) as stored:
        images: np.ndarray = stored["images"]
        return images


def test_one_picture_is_saved_pixel_by_pixel(tmp_path: Path) -> None:
    for number, thing in enumerate((PICTURES[0], PICTURES[:1], PICTURES[0].numpy(), [PICTURES[0]])):
        (path,) = iw.save(thing, tmp_path / f"{number}.png")
        assert np.array_equal(pixels_of(path), PICTURES[0].permute(1, 2, 0).numpy())


def test_several_pictures_become_a_sheet_an_array_or_a_folder(tmp_path: Path) -> None:
    assert pixels_of(iw.save(PICTURES, tmp_path / "sheet.png")[0]).shape[1] > 3 * 10
    assert np.array_equal(load(iw.save(PICTURES, tmp_path / "all.npz")[0]), PICTURES.numpy())
    assert len(list((tmp_path / "folder").glob("*.png"))) == 0
    iw.save(list(PICTURES), tmp_path / "folder")
    assert len(list((tmp_path / "folder").glob("*.png"))) == 5


def test_opened_images_pillow_images_and_runs(tmp_path: Path) -> None:
    images = iw.open_images("digits")[:3]
    iw.save(images, tmp_path / "images.npz")
    assert np.array_equal(load(tmp_path / "images.npz"), np.asarray(images))
    iw.save(Image.new("L", (4, 3), 7), tmp_path / "one.png")
    assert pixels_of(tmp_path / "one.png").shape == (3, 4)
    run = train_tiny("dcgan", out=tmp_path / "run")
    iw.save(run, tmp_path / "preview.png")
    preview = run.latest_preview()
    assert preview is not None
    assert np.array_equal(pixels_of(tmp_path / "preview.png"), pixels_of(preview))
    assert "base64" in run._repr_html_()
    assert f"samples, seed {run.record['seed']}" in run._repr_html_()


def test_a_file_that_exists_is_kept(tmp_path: Path) -> None:
    iw.save(PICTURES, tmp_path / "sheet.png")
    with pytest.raises(RunError, match="exists"):
        iw.save(PICTURES, tmp_path / "sheet.png")


@pytest.mark.parametrize("thing", [None, "photo.png", 3, [PICTURES[0], PICTURES[0, :, :4]], PICTURES.float()])
def test_other_things_are_refused(thing: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        iw.save(thing, tmp_path / "x.png")


def test_show_opens_the_viewer_and_without_one_says_where_the_picture_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[Image.Image] = []
    monkeypatch.setattr(ImageShow, "show", lambda picture: not shown.append(picture))  # type: ignore[func-returns-value]
    iw.show(PICTURES)
    assert len(shown) == 1
    monkeypatch.setattr(ImageShow, "show", lambda picture: False)
    iw.show(PICTURES)
    path = Path(capsys.readouterr().err.strip().rsplit(" ", 1)[1])
    assert np.array_equal(pixels_of(path), np.asarray(shown[0]))
    path.unlink()
