"""Videos: each frame translated, at its own time, turned as the file says, with the sound of the original."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic.dataclasses import dataclass
from translators import Blurs, Lamp, Multiples, register, write_run

import imagewright as iw
from imagewright.capabilities import Target
from imagewright.cli import main
from imagewright.errors import UserError

av = pytest.importorskip("av", reason="the extra 'video' (av) is not installed")
HEIGHT, WIDTH, RATE = 32, 48, 24_000
TIMES = [Fraction(number, 12) for number in (0, 1, 2, 5, 6, 9, 10, 12)]  # not evenly spaced
TONE = 440


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def frame_of(number: int) -> np.ndarray:
    """Grey, brighter from frame to frame; the upper left quarter is white."""
    pixels = np.full((HEIGHT, WIDTH, 3), 30 + 12 * number, np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2] = 230
    return pixels


def make_video(path: Path, sound: str | None = "aac", start: Fraction = Fraction(0)) -> Path:
    """Eight frames at `TIMES` and a second of a sine."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=12)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", 2_000_000
        stream.codec_context.time_base = Fraction(1, 1200)
        track: Any = None if sound is None else container.add_stream(sound, rate=RATE)
        for number, time in enumerate(TIMES):
            frame = av.VideoFrame.from_ndarray(frame_of(number), format="rgb24")
            frame.pts, frame.time_base = int((time + start) * 1200), Fraction(1, 1200)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None:
            wave = np.sin(2 * np.pi * TONE * np.arange(RATE) / RATE)
            resampler = av.AudioResampler(format=track.codec_context.format, layout="mono", rate=RATE)
            for first in range(0, RATE, 1000):
                part = (20_000 * wave[None, first : first + 1000]).astype(np.int16)
                samples = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
                samples.rate, samples.pts = RATE, first + int(start * RATE)
                for each in resampler.resample(samples):
                    container.mux(track.encode(each))
            container.mux(track.encode(None))
    return path


def frames_in(path: Path) -> tuple[list[float], np.ndarray]:
    with av.open(str(path)) as container:
        frames = list(container.decode(container.streams.video[0]))
        return [frame.time for frame in frames], np.stack([frame.to_ndarray(format="rgb24") for frame in frames])


def sound_in(path: Path) -> tuple[np.ndarray, float]:
    """The samples, and the time of the first."""
    with av.open(str(path)) as container:
        parts = list(container.decode(container.streams.audio[0]))
        channels = 1 if parts[0].format.is_planar else parts[0].layout.nb_channels
        return np.concatenate([part.to_ndarray()[0, ::channels] for part in parts]), parts[0].time


def pitch(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples[: RATE // 2].astype(float)))
    return float(np.argmax(spectrum)) * 2


@pytest.mark.parametrize("container", ["mkv", "mp4"])
@pytest.mark.parametrize("sound", ["aac", "flac"])
def test_frames_keep_their_times_and_the_sound_is_kept(tmp_path: Path, container: str, sound: str) -> None:
    video = make_video(tmp_path / f"clip.{container}", sound)
    done = []
    path, notes = iw.translate_video(
        Lamp(), video, tmp_path / "made.mp4", to="dark", seed=2, progress=lambda one, all_: done.append((one, all_))
    )
    assert path == tmp_path / "made.mp4"
    assert notes == []
    assert done[-1] == (8, 8)
    times, frames = frames_in(path)
    assert np.allclose(times, [float(time) for time in TIMES], atol=2e-3)
    originals = frames_in(video)[1]
    expected = iw.translate(Lamp(), originals.transpose(0, 3, 1, 2), to="dark", seed=2).permute(0, 2, 3, 1).float()
    inner = np.abs(frames.astype(float) - expected.numpy())[:, 4:-4, 4:-4]
    assert inner.mean() < 6  # of the codec, whose colours have half the resolution
    samples, start = sound_in(path)
    assert abs(len(samples) - RATE) < 3000
    assert abs(start) < 0.1
    assert abs(pitch(samples) - TONE) <= 4
    record = iw.inspect(path)["provenance"]
    assert (record["verb"], record["settings"]["to"], record["seed"]) == ("translate", "dark", 2)


def test_a_file_that_starts_late_starts_at_zero_with_its_sound(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mkv", "aac", start=Fraction(3))
    path, _ = iw.translate_video(Lamp(), video, tmp_path / "made.mp4", to="dark")
    times, _ = frames_in(path)
    assert abs(times[0]) < 0.1
    assert np.allclose(np.diff(times), np.diff([float(time) for time in TIMES]), atol=2e-3)
    assert abs(sound_in(path)[1] - times[0]) < 0.1


def test_a_silent_video_and_one_with_odd_sides(tmp_path: Path) -> None:
    path, _ = iw.translate_video(Blurs(), make_video(tmp_path / "clip.mp4", None), tmp_path / "made.mp4", size="model")
    with av.open(str(path)) as container:
        assert not container.streams.audio
        assert (container.streams.video[0].height, container.streams.video[0].width) == (16, 16)


def test_frames_are_turned_as_the_file_says(tmp_path: Path) -> None:
    plain, turned = make_video(tmp_path / "plain.mp4"), tmp_path / "turned.mp4"
    content = plain.read_bytes()
    upright = b"\x00\x01\x00\x00" + bytes(12) + b"\x00\x01\x00\x00" + bytes(12) + b"\x40\x00\x00\x00"
    quarter = bytes(4) + b"\x00\x01\x00\x00" + bytes(4) + b"\xff\xff\x00\x00" + bytes(16) + b"\x40\x00\x00\x00"
    place = content.index(upright, content.index(b"tkhd"))  # the display matrix of the video track
    turned.write_bytes(content[:place] + quarter + content[place + len(quarter) :])
    path, _ = iw.translate_video(Blurs(), turned, tmp_path / "made.mp4")
    _, frames = frames_in(path)
    assert frames.shape[1:3] == (WIDTH, HEIGHT)
    expected = iw.open_images(turned).batch(np.array([0])).images[0].float().mean(0).numpy()
    bright = frames[0].astype(float).mean(-1) > 150
    assert (bright == (expected > 150)).mean() > 0.9


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_animations_have_no_sound_which_is_said(tmp_path: Path, suffix: str) -> None:
    path, notes = iw.translate_video(Blurs(), make_video(tmp_path / "clip.mp4"), tmp_path / f"made{suffix}", force=True)
    with Image.open(path) as made:
        assert made.n_frames == 8
        assert made.size == (WIDTH, HEIGHT)
    (note,) = notes
    assert "no sound" in note


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, video = str(write_run(Lamp(), tmp_path / "run").path), str(make_video(tmp_path / "clip.mp4"))
    out = tmp_path / "made.mp4"
    assert main(["translate", run, video, "--to", "dark", "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert len(frames_in(out)[0]) == 8
    frames = tmp_path / "frames"
    assert main(["translate", run, video, "--to", "dark", "--count", "2", "--out", str(frames)]) == 0
    assert sorted(path.name for path in frames.iterdir()) == ["clip_000000.png", "clip_000007.png"]
    capsys.readouterr()
    for options, message in (
        (["--to", "dark", "--styles", "2"], "in one style"),
        (["--to", "dark", "--count", "2"], "whole"),
        (["--to", "drak"], "Did you mean 'dark'"),
    ):
        assert main(["translate", run, video, *options, "--out", str(tmp_path / "new.mp4")]) == 2
        assert message in capsys.readouterr().err
    assert main(["translate", run, "faces", "--to", "dark", "--out", str(tmp_path / "new.mp4")]) == 2
    assert "pictures take a folder" in capsys.readouterr().err
    assert main(["translate", run, video, "--to", "dark", "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert not (tmp_path / "new.mp4").exists()


def test_ctrl_c_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, video = str(write_run(Blurs(), tmp_path / "run").path), str(make_video(tmp_path / "clip.mp4"))
    translated, calls = Blurs.translate, []

    def interrupted(self: Blurs, images: torch.Tensor, target: object) -> torch.Tensor:
        calls.append(images)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return translated(self, images, target)

    monkeypatch.setattr(Blurs, "translate", interrupted)
    place = tmp_path / "new"
    assert main(["translate", run, video, "--out", str(place / "made.mp4")]) == 130
    assert not place.exists() or not list(place.iterdir())


def test_what_is_no_video(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png is no video"):
        iw.translate_video(Blurs(), tmp_path / "a.png", tmp_path / "made.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(UserError, match="cannot be read as a video"):
        iw.translate_video(Blurs(), tmp_path / "text.mp4", tmp_path / "made.mp4")
    assert not (tmp_path / "made.mp4").exists()


@dataclass(frozen=True, kw_only=True)
class At64(Multiples):
    """Sides of 64 pixels or more."""

    @classmethod
    def nearest_size(cls, height: int, width: int) -> tuple[int, int]:
        return max(64, round(height / 4) * 4), max(64, round(width / 4) * 4)


class Large(Blurs):
    """Takes no picture smaller than 64 pixels a side."""

    Config = At64


def test_frames_smaller_than_the_model_can_do_are_said(tmp_path: Path) -> None:
    video = make_video(tmp_path / "in.mp4", sound=None)
    _, notes = iw.translate_video(Large(At64(size=(64, 64), channels=3)), video, tmp_path / "out.mp4")
    assert len([note for note in notes if note.startswith(f"in.mp4 ({WIDTH}x{HEIGHT}) is smaller")]) == 1
    _, notes = iw.translate_video(Blurs(), video, tmp_path / "large.mp4")
    assert not notes


class Optional(Lamp):
    """Translates without a style if none is asked for."""

    needs_style = False

    def translate(self, images: torch.Tensor, target: Target) -> torch.Tensor:
        return images if target.style is None else super().translate(images, target)


def test_one_sampled_style_is_taken_where_the_model_can_do_without(tmp_path: Path) -> None:
    video = make_video(tmp_path / "in.mp4", sound=None)
    plain, _ = iw.translate_video(Optional(), video, tmp_path / "plain.mp4", to="dark")
    styled, _ = iw.translate_video(Optional(), video, tmp_path / "styled.mp4", to="dark", styles=1)
    assert np.abs(frames_in(plain)[1].astype(int) - frames_in(styled)[1]).mean() > 5
    with pytest.raises(UserError, match=r"styles=2: a video is translated in one style"):
        iw.translate_video(Optional(), video, tmp_path / "two.mp4", to="dark", styles=2)
