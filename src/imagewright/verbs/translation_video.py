"""A video translated frame by frame, with its sound."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from imagewright.errors import UserError
from imagewright.images.decoding.formats import from_array
from imagewright.images.decoding.preprocessing import Preprocessing, plain_layer
from imagewright.images.footage import read_footage
from imagewright.images.sources.video import VIDEO_SUFFIXES
from imagewright.output.footage.encoding import VIDEOS
from imagewright.output.footage.writer import write_footage
from imagewright.output.provenance import COMPOSITE
from imagewright.output.signatures import signature_notes
from imagewright.output.writing import ANIMATIONS, check_suffix, refuse_existing, write_animation
from imagewright.progress import Progress
from imagewright.runs.loading import training_notes
from imagewright.runs.provenance import run_record
from imagewright.verbs.apply import RunLike, resolve_model
from imagewright.verbs.translate import To, translate_image
from imagewright.verbs.translation_sheets import SizeName, Source, choose_styles, tell_if_padded

if TYPE_CHECKING:
    from typing_extensions import TypeIs

FASTEST = 50.0  # frames a second of .gif and .webp that players show


def is_video(source: object) -> TypeIs[str | Path]:
    """Whether a source names a video file."""
    return isinstance(source, (str, Path)) and Path(source).suffix.lower() in VIDEO_SUFFIXES and Path(source).is_file()


def translate_video(
    run: RunLike,
    video: str | Path,
    path: str | Path,
    *,
    to: To | None = None,
    like: Source | None = None,
    styles: int | None = None,
    seed: int = 0,
    size: SizeName = "own",
    force: bool = False,
    progress: Progress | None = None,
) -> tuple[Path, list[str]]:
    """Translate every frame of a video, all in one style, and write them as a video.

    run: a run, its directory, a weights file or a model.
    video: a video file. Needs PyAV (the extra `video`, or `faces`).
    path: an .mp4, whose frames have the times of the original and which has its sound; or a .gif or .webp without
        sound, at the mean rate. Written whole or not at all.
    to, like, seed: as for `translate`. If there are several references, the first gives the style.
    styles: 1 samples a style for a model that can do without one; a video has one style at most.
    size: "own" leaves the frames at their size, "model" brings them to the size that the model was trained at.
    force: replace a file that exists.
    progress: called with (done, total) in frames.

    Returns the path, and sentences for the user. Raises `UserError` as `translate` does, `DataError` for a file that is
    no video, and `RunError` if the path exists.
    """
    suffix = check_suffix(path, ANIMATIONS)
    if not is_video(video):
        raise UserError(f"{video} is no video file: the frames of a {suffix} file are those of a video.")
    if styles is not None and styles > 1:
        raise UserError(f"styles={styles}: a video is translated in one style. Translate it once for each seed.")
    refuse_existing([path], force=force)
    model = resolve_model(run)
    style = choose_styles(model, to, like, styles, seed)
    footage = read_footage(video)
    side = model.config.size if size == "model" else None
    settings = {"source": Path(video).name, "size": "own" if side is None else list(side), **style.settings}
    sampled = "styles" in style.settings
    record = run_record(
        "translate", model, seed=seed if sampled else None, settings=settings, source_type=COMPOSITE
    ) | {"target": style.labels[0]}

    notes = [*training_notes(model), *style.notes, *signature_notes([video])]

    def frames() -> Iterator[tuple[Fraction, np.ndarray]]:
        for done, frame in enumerate(footage.frames(), 1):
            picture = _as_picture(frame.picture, model.config.channels, side)
            if done == 1 and (note := tell_if_padded(model, picture, Path(video).name)):
                notes.append(note)
            made = translate_image(model, picture, style.targets[0])
            yield frame.time, made.expand(3, -1, -1).permute(1, 2, 0).numpy()
            if progress is not None:
                progress(done, max(done, footage.count))

    if suffix in VIDEOS:
        written = Path(path)
        notes += write_footage(frames(), path, footage, record, force=force)
    else:
        pictures = (torch.from_numpy(pixels).permute(2, 0, 1) for _, pixels in frames())
        per_second = min(float(footage.rate), FASTEST)
        written = write_animation(pictures, path, record, frames_per_second=per_second, scale=1, force=force)
        if footage.sound:
            notes.append(f"{path} has no sound, as {suffix} holds none: write .mp4 to keep it.")
    return written, notes


def _as_picture(pixels: np.ndarray, channels: int, size: tuple[int, int] | None) -> Tensor:
    """A frame (H, W, 3) as a picture uint8 (C, H, W), at another size if one is given."""
    picture = from_array(pixels, channels)
    if size is not None:
        resized = Preprocessing(*size, plain_layer(channels), "centre", "lanczos").apply(picture)
        return torch.from_numpy(np.array(resized)).permute(2, 0, 1)
    whole = np.array(picture)
    return torch.from_numpy(whole if whole.ndim == 3 else whole[..., None]).permute(2, 0, 1).contiguous()
