"""A run: the directory that a training writes.

run.json           model, config, source and its fingerprint, seed, versions, command; written before training
metrics.jsonl      one line for each report: images_seen, seconds, loss terms, derived metrics, learning rates, memory
samples/           000200000.png: the grid of the same latents, or of the same noise, at each report
samples/prior/     000200000.png: what the prior decodes to at the end, if samples come from a fitted density
checkpoints/       000200000.safetensors and 000200000.state.safetensors
training_pictures.png  some of the training pictures, as the model sees them; written at the start
report.html        one self-contained page
"""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import Any

from imagewright.errors import DataError, RunError, nearest_name
from imagewright.files import atomic_write, explain_write_errors, write_whole
from imagewright.notebooks import embedded_picture, lines_html
from imagewright.regular_files import names_in, read_regular
from imagewright.runs.places import (
    METRICS,
    MOVING,
    PRIOR_SAMPLES,
    RECORD,
    REPLACED,
    SAMPLES,
    WEIGHTS_ALONE,
    check_place,
    clear_place,
)
from imagewright.runs.reports import Reports
from imagewright.runs.schemas import RunRecord, parse_record
from imagewright.runs.scores import drop_scores_after
from imagewright.runs.weights import CHECKPOINTS, Checkpoint, checkpoint_at, find_damage, list_checkpoints

LARGEST_RECORD = 16 << 20  # bytes of run.json
LAUNCH = "launch"  # the entry of run.json that names the `torchrun` which began the run
STOPPED = "stopped"  # marks the report that a training made because it was stopped, beside its regular ones
TIME_OVER = "time_over"  # marks such a report of a training that ended since its time was over


class Run:
    """An existing run directory. Raises `RunError` if the path is none, or its record is damaged."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            siblings = [str(folder) for folder in self.path.parent.glob("*") if (folder / RECORD).exists()]
            hint = nearest_name(str(self.path), siblings) or " `imagewright train` makes one."
            before, mark, _ = str(self.path).rpartition("@")
            if mark and (Path(before) / RECORD).exists():
                hint = f" The whole run is meant here, not one of its checkpoints: {before}."
            if self.path.suffix == ".safetensors" and self.path.is_file():
                raise RunError(f"{self.path} is a weights file: a model without its training. Name the run directory.")
            raise RunError(f"There is no run directory {self.path}.{hint}")
        try:
            content = read_regular(self.path / RECORD, LARGEST_RECORD)
        except FileNotFoundError:
            if any((self.path / folder / RECORD).exists() for folder in (REPLACED, MOVING)):
                raise RunError(
                    f"{self.path} has no {RECORD}: a training by --force was ended while it set the former run aside. "
                    "The same command, or a training with --resume, puts that run back first."
                ) from None
            raise RunError(f"{self.path} is no run directory: it has no {RECORD}.") from None
        self.record: dict[str, Any] = parse_record(content, RunRecord, str(self.path / RECORD), WEIGHTS_ALONE)

    @classmethod
    def create(cls, path: str | Path, record: dict[str, Any], *, force: bool = False) -> Run:
        """Create a run. Raises `RunError` if there is one at `path` with a checkpoint or a report.

        force: set the files of a run at `path` aside first, those that a training writes (`places.restore`).
        """
        path = Path(path)
        check_place(path, force=force)
        clear_place(path)
        write_whole(path / RECORD, json.dumps(record, indent=2) + "\n")
        return cls(path)

    def rewrite(self, record: dict[str, Any]) -> None:
        """Replace `run.json`."""
        write_whole(self.path / RECORD, json.dumps(record, indent=2) + "\n")
        self.record = record

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def __fspath__(self) -> str:
        return str(self.path)

    def latest_preview(self) -> Path | None:
        """The latest grid of samples that the training wrote, or None."""
        grids = (path for path in (self.path / "samples").glob("*.png") if path.stem.isdigit())
        return max(grids, key=lambda path: int(path.stem), default=None)

    def _repr_html_(self) -> str:
        """What a notebook shows: the run in a line, and its latest preview."""
        from imagewright.output.showing import draw

        seen = max((checkpoint.images_seen for checkpoint in self.checkpoints()), default=0)
        line = f"{self.path}: {self.model}" + (f", {seen:,} images seen" if seen else "")
        preview = self.latest_preview()
        if preview is None:
            return lines_html([line])
        try:
            picture = embedded_picture(draw(self), f"latest preview of {line}")
        except RunError as error:  # half written, or damaged
            return lines_html([line, str(error)])
        return lines_html([f"{line}; shown: {_describe_preview(preview)}"]) + picture

    @property
    def model(self) -> str:
        """The model's name in the catalogue."""
        return str(self.record["model"])

    # Checkpoints

    def checkpoint_at(self, images_seen: int) -> Checkpoint:
        """The paths of the checkpoint after so many images, whether it exists or not."""
        return checkpoint_at(self.path, images_seen)

    def checkpoints(self) -> list[Checkpoint]:
        """All checkpoints, earliest first. The weights are written last: a checkpoint exists if its weights do.

        Raises `RunError` if their folder cannot be read.
        """
        return list_checkpoints(self.path)

    def latest(self, *, for_resume: bool = False) -> tuple[Checkpoint, list[str]]:
        """The latest intact checkpoint, and what is wrong with later ones. Raises `RunError` if none is intact.

        It raises `RunError` also for a checkpoint that cannot be read now, and does not pass over it: it may be intact.
        """
        wrong: list[str] = []
        for checkpoint in reversed(self.checkpoints()):
            problem = find_damage(checkpoint, for_resume=for_resume)
            if problem is None:
                return checkpoint, wrong
            wrong.append(problem)
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise RunError(
            f"{self.path} has no intact checkpoint: {wrong[0] + more if wrong else 'its training wrote none'}. "
            "Train it again with --force."
        )

    def is_whole(self) -> bool:
        """Whether there is a checkpoint that the verbs can use."""
        return any(find_damage(checkpoint, for_resume=False) is None for checkpoint in self.checkpoints())

    def resume_note(self) -> str:
        """A sentence that says from which checkpoint `--resume` would continue."""
        try:
            intact = [each for each in self.checkpoints() if find_damage(each, for_resume=True) is None]
        except RunError as error:  # the note is the end of another error's message
            return str(error)
        if not intact:
            return "No checkpoint had been written yet."
        return f"The checkpoint at {intact[-1].images_seen:,} images is saved: --resume continues from there."

    def prune(self, count: int) -> None:
        """Remove all but the latest `count` checkpoints."""
        for checkpoint in self.checkpoints()[:-count]:
            checkpoint.state.unlink(missing_ok=True)
            checkpoint.weights.unlink(missing_ok=True)

    # Metrics

    def append_metrics(self, line: dict[str, Any]) -> None:
        """Append the line of a report, in one write: a kill leaves at most a broken last line, which readers skip."""
        with explain_write_errors(self.path / METRICS), (self.path / METRICS).open("a") as file:
            file.write(json.dumps(line) + "\n")

    def reports(self) -> Reports:
        """Every report, in order, read one by one: an unattended training may have made very many."""
        return Reports(self.path / METRICS)

    def metrics(self) -> list[dict[str, Any]]:
        """Every report, in order. Lines that are none are left out: `damage_note` counts them."""
        return list(self.reports())

    def last_report(self) -> dict[str, Any] | None:
        """The last report; None if there is none."""
        return self.reports().last()

    def damage_note(self) -> str | None:
        """A sentence that counts the lines of metrics.jsonl that are no reports; None if all are.

        A last line that a kill cut short is not counted.
        """
        reports = self.reports()
        deque(reports, maxlen=0)
        return reports.damage_note()

    def drop_after(self, images_seen: int) -> None:
        """Remove reports, sample grids and checkpoints after a point: a resumed training writes them again.

        Reports that were made because the training was stopped are removed too, with their grids.
        """
        # Read one by one and written while they are: there may be very many.
        with atomic_write(self.path / METRICS) as temporary, temporary.open("w") as file:
            for line in self.reports():
                if line.get(STOPPED):
                    (self.path / SAMPLES / f"{line['images_seen']:09d}.png").unlink(missing_ok=True)
                elif line["images_seen"] <= images_seen:
                    file.write(json.dumps(line) + "\n")
        drop_scores_after(self.path, images_seen)
        for folder in (self.path / SAMPLES, self.path / PRIOR_SAMPLES, self.path / CHECKPOINTS):
            for name in names_in(folder):
                number = name.lstrip(".").split(".")[0]
                # A leading dot: a temporary file that a killed process left.
                is_number = number.isascii() and number.isdigit() and len(number) < 20
                if is_number and (name.startswith(".") or int(number) > images_seen):
                    (folder / name).unlink(missing_ok=True)


def derived_metrics(line: dict[str, Any]) -> dict[str, float]:
    """The metrics derived from the losses in a line of `metrics.jsonl`: earlier versions wrote them as "readings"."""
    found = line.get("derived_metrics", line.get("readings"))
    return found if isinstance(found, dict) else {}


def _describe_preview(path: Path) -> str:
    """What is on a grid of the training: "samples, seed 0", by the record in its file."""
    from imagewright.output.inspecting_pictures import inspect_picture

    try:
        record = inspect_picture(path)["provenance"] or {}
    except DataError:
        return "the latest preview"
    if record.get("verb") == "sample":
        return f"samples, seed {record.get('seed')}"
    if record.get("verb") == "reconstruct":
        return "pictures, and below each row their reconstructions"
    return "the latest preview"
