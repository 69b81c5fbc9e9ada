"""Where a verb's pictures go: a labelled sheet, an animation, raw arrays or a folder, as the name after --out says."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagewright.output.grids import draw_grid
from imagewright.output.writing import (
    ANIMATIONS,
    ARRAYS,
    PICTURES,
    check_suffix,
    refuse_existing,
    write_animation,
    write_image,
    write_images_folder,
    write_npz,
)

if TYPE_CHECKING:
    import torch

    from imagewright.images import Images


class Output:
    """A place to write to, checked before the long work: its kind is known, and nothing of the user's is in the way."""

    def __init__(self, path: Path, *, animated: bool = False, force: bool) -> None:
        self.path, self.force = path, force
        self.is_folder = path.is_dir() or not path.suffix
        if self.is_folder:
            self.kind = "folder"
            return
        known = [*PICTURES, *ARRAYS, *(ANIMATIONS if animated else ())]
        suffix = check_suffix(path, list(dict.fromkeys(known)))
        self.kind = "animation" if animated and suffix in ANIMATIONS else "arrays" if suffix in ARRAYS else "sheet"
        refuse_existing([path], force=force)

    @property
    def is_sheet(self) -> bool:
        """Whether the pictures become one labelled sheet."""
        return self.kind == "sheet"

    def write(
        self,
        images: torch.Tensor,
        record: dict[str, Any],
        *,
        names: list[str] | None = None,
        frames_per_second: float = 12.0,
        **labels: Any,
    ) -> None:
        """Write uint8 pictures (N, C, H, W) with their record, and say where. `labels` are those of `draw_grid`."""
        path, force = self.path, self.force
        if self.kind == "folder":
            count = len(write_images_folder(images, path, record, names=names, force=force))
            print(f"{path}: {count} pictures")
            return
        if self.kind == "animation":
            write_animation(images, path, record, frames_per_second=frames_per_second, force=force)
        elif self.kind == "arrays":
            write_npz({"images": images}, path, record, force=force)
        else:
            write_image(draw_grid(images, **labels), path, record, force=force)
        print(path)


def write_scores(path: Path, images: Images, scores: torch.Tensor, *, force: bool) -> None:
    """A CSV of `name,score`, in the order of the images."""
    rows = ([images.name(index), f"{float(score):.8g}"] for index, score in enumerate(scores))
    write_table(path, ["name", "score"], rows, force=force)
    print(path)


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]], *, force: bool) -> None:
    """A CSV, whole or not at all."""
    from imagewright.output.writing import new_file

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    with new_file(path, force=force) as file:
        file.write(text.getvalue().encode())


def show_scores(path: Path, images: Images, scores: torch.Tensor, unit: str, extremes: int, *, force: bool) -> None:
    """The sheet of the pictures with the lowest and the highest scores, and a line of what the scores are."""
    import torch

    each = max(1, min(extremes, len(images) // 2))
    order = scores.argsort()
    chosen = torch.cat([order[:each], order[-each:].flip(0)]) if len(images) > 1 else order
    pictures = images.batch(chosen.numpy()).images
    labels = ["lowest", "highest"] if len(images) > 1 else ["only"]
    captions = [f"{float(scores[index]):.4g}" for index in chosen]
    sheet = draw_grid(pictures, row_labels=labels, captions=captions, title=f"scores: {unit}")
    write_image(sheet, path, None, force=force)
    print(path)
    print(
        f"{len(scores):,} pictures, {unit}: mean {float(scores.mean()):.6g}, lowest {float(scores.min()):.6g}, "
        f"highest {float(scores.max()):.6g}"
    )
