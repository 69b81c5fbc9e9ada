"""Animations are made of frames that come one by one: an .mp4 asks for the next when it has encoded the last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import RunError, UserError
from imagewright.output.writing import write_animation


def frames_of(path: Path) -> list[np.ndarray]:
    with Image.open(path) as picture:
        found = []
        for number in range(picture.n_frames):
            picture.seek(number)
            found.append(np.asarray(picture.convert("RGB")))
        return found


@pytest.mark.parametrize("suffix", [".webp", ".gif", ".mp4"])
def test_frames_one_by_one_give_the_bytes_of_frames_in_one_array(suffix: str, tmp_path: Path) -> None:
    if suffix == ".mp4":
        pytest.importorskip("av")
    frames = torch.from_numpy(simple_pictures(7, (20, 30)))
    one, other = (tmp_path / f"{name}{suffix}" for name in ("one", "other"))
    write_animation(frames, one)
    write_animation((frame for frame in frames), other)
    assert one.read_bytes() == other.read_bytes()
    if suffix != ".mp4":
        assert len(frames_of(one)) == 7


def test_an_mp4_holds_one_frame_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    av = pytest.importorskip("av")
    made, encoded, ahead = 0, 0, []

    def frames() -> Iterator[torch.Tensor]:
        nonlocal made
        for picture in torch.from_numpy(simple_pictures(40, (32, 32))):
            made += 1
            ahead.append(made - encoded)
            yield picture

    from_ndarray = av.VideoFrame.from_ndarray

    def counted(*given: object, **options: object) -> object:
        nonlocal encoded
        encoded += 1
        return from_ndarray(*given, **options)

    monkeypatch.setattr(av, "VideoFrame", type("Frames", (), {"from_ndarray": staticmethod(counted)}))
    write_animation(frames(), tmp_path / "walk.mp4")
    assert made == encoded == 40
    assert max(ahead) == 1


def test_no_frame_is_made_for_a_file_that_exists_or_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "walk.mp4").write_bytes(b"mine")

    def never() -> Iterator[torch.Tensor]:
        raise AssertionError("a frame was made")
        yield

    with pytest.raises(RunError, match="exists already"):
        write_animation(never(), tmp_path / "walk.mp4")
    with pytest.raises(UserError, match="at most 100 frames"):
        write_animation(never(), tmp_path / "other.mp4", frames_per_second=101)
    with pytest.raises(UserError, match="no frame"):
        write_animation(iter(()), tmp_path / "other.mp4")


def test_an_interpolation_is_decoded_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train_tiny("vae", simple_pictures(), tmp_path / "run", steps=1)
    model = iw.load(run)
    calls, decode = [], model.decode
    monkeypatch.setattr(model, "decode", lambda latents: calls.append(len(latents)) or decode(latents))
    from imagewright.latent.walks.interpolate import interpolation_frames

    frames = interpolation_frames(model, 40, latents=torch.eye(4)[:2])
    assert calls == []
    first = [next(frames) for _ in range(16)]
    assert calls == [16]
    assert torch.equal(torch.stack([*first, *frames]), iw.interpolate(model, 40, latents=torch.eye(4)[:2]))
    notes = iw.write_interpolation(run, tmp_path / "walk.webp", 5)
    assert notes == []
    assert len(frames_of(tmp_path / "walk.webp")) == 8
    assert iw.inspect(tmp_path / "walk.webp")["provenance"]["settings"]["loop"] is True


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_photographs_are_enlarged_smoothly_and_digits_pixel_by_pixel(suffix: str, tmp_path: Path) -> None:
    for side, smooth in ((28, False), (64, True)):
        board = (np.indices((side, side)).sum(0) // 4 % 2 * 255).astype(np.uint8)
        frames = np.stack([board, 255 - board])[:, None].repeat(3, 1)
        written = write_animation(frames, tmp_path / f"{side}{suffix}", scale=4)
        with Image.open(written) as found:
            assert found.size == (4 * side, 4 * side)
            pixels = np.asarray(found.convert("L")).astype(int)
        # Between two squares of a board that is enlarged pixel by pixel, black and white touch.
        row = pixels[2, 4 * 4 - 3 : 4 * 4 + 3]
        assert (np.abs(np.diff(row)).max() < 200) == smooth
    with pytest.raises(UserError, match="scale of an animation"):
        write_animation(frames, tmp_path / f"none{suffix}", scale=0)
