"""A run: the directory that a training writes.

run.json           model, config, source and its fingerprint, seed, versions, command; written before training
metrics.jsonl      one line for each report: images_seen, seconds, loss terms, derived metrics, learning rates, memory
samples/           000200000.png: the grid of the same latents at each report
checkpoints/       000200000.safetensors and 000200000.state.safetensors
report.html        one self-contained page
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from imagewright.errors import RunError, nearest_name
from imagewright.files import explain_write_errors, write_whole
from imagewright.runs.scores import drop_scores_after
from imagewright.runs.weights import Checkpoint, find_damage

RECORD = "run.json"
METRICS = "metrics.jsonl"
SCORES = ("scores.json", "scores.csv", ".scores.lock")  # of `runs/scores.py`; they belong to this training
REPLACED = ".replaced"
STOPPED = "stopped"  # marks the report that a training made because it was stopped, beside its regular ones
MADE_BY_TRAINING = (RECORD, METRICS, "samples", "checkpoints", "report.html", *SCORES)
IN_EVERY_RECORD = {"model": str, "config": dict}
WEIGHTS_ALONE = "Each file in checkpoints/ can be named in place of the run: the verbs work on it alone."


class Run:
    """An existing run directory. Raises `RunError` if the path is none, or its record is damaged."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            siblings = [str(folder) for folder in self.path.parent.glob("*") if (folder / RECORD).exists()]
            hint = nearest_name(str(self.path), siblings) or " `imagewright train` makes one."
            raise RunError(f"There is no run directory {self.path}.{hint}")
        try:
            self.record: dict[str, Any] = json.loads((self.path / RECORD).read_text())
        except FileNotFoundError:
            raise RunError(f"{self.path} is no run directory: it has no {RECORD}.") from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise RunError(f"{self.path / RECORD} is damaged: {error}. {WEIGHTS_ALONE}") from None
        for name, kind in IN_EVERY_RECORD.items():
            if not isinstance(self.record, dict) or not isinstance(self.record.get(name), kind):
                raise RunError(f"{self.path / RECORD} is damaged: it says no {name}. {WEIGHTS_ALONE}")

    @classmethod
    def create(cls, path: str | Path, record: dict[str, Any], *, force: bool = False) -> Run:
        """Create a run. Raises `RunError` if there is one at `path`.

        force: set the files of a run at `path` aside first, those that a training writes (`set_aside`).
        """
        path = Path(path)
        cls.check_place(path, force=force)
        if (path / RECORD).exists():
            cls.set_aside(path)
        write_whole(path / RECORD, json.dumps(record, indent=2) + "\n")
        return cls(path)

    @staticmethod
    def check_place(path: Path, *, force: bool = False) -> None:
        """Raise `RunError` if `create` would fail, so that it is known before the long work of a training."""
        if path.exists() and not path.is_dir():
            raise RunError(f"{path} is a file: name a folder for the run with --out.")
        if (path / RECORD).exists():
            if not force:
                raise RunError(
                    f"{path} holds a run already: go on with it by --resume, replace it by --force, "
                    "or give another place by --out."
                )
        # Hidden files do not count: a killed process may have left a half-written record.
        elif path.exists() and any(not each.name.startswith(".") for each in path.iterdir()):
            raise RunError(f"{path} is a folder with other files in it: give a new or empty place by --out.")

    @classmethod
    def remove_unused(cls, path: Path) -> None:
        """Remove the run if its training wrote neither a checkpoint nor a report."""
        if not (path / METRICS).exists() and not any((path / "checkpoints").glob("*.safetensors")):
            cls.remove(path)

    @staticmethod
    def remove(path: Path) -> None:
        """Remove the files that a training writes, and no others."""
        with explain_write_errors(path):
            for name in MADE_BY_TRAINING:
                made = path / name
                if made.is_dir():
                    shutil.rmtree(made)
                else:
                    made.unlink(missing_ok=True)

    @classmethod
    def set_aside(cls, path: Path) -> None:
        """Move the files of the run at `path` into a hidden folder in it, until `restore`."""
        cls.restore(path)  # one that a killed process left
        with explain_write_errors(path):
            (path / REPLACED).mkdir()
            for name in MADE_BY_TRAINING:
                if (path / name).exists():
                    (path / name).rename(path / REPLACED / name)

    @classmethod
    def restore(cls, path: Path) -> None:
        """Put a run that was set aside back; if the run that replaced it has a checkpoint, remove the former one."""
        if not (path / REPLACED).is_dir():
            return
        if not any((path / "checkpoints").glob("*.safetensors")):
            cls.remove(path)
            with explain_write_errors(path):
                for made in (path / REPLACED).iterdir():
                    made.rename(path / made.name)
        shutil.rmtree(path / REPLACED, ignore_errors=True)

    def rewrite(self, record: dict[str, Any]) -> None:
        """Replace `run.json`."""
        write_whole(self.path / RECORD, json.dumps(record, indent=2) + "\n")
        self.record = record

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def model(self) -> str:
        """The model's name in the catalogue."""
        return str(self.record["model"])

    # Checkpoints

    def checkpoint_at(self, images_seen: int) -> Checkpoint:
        """The paths of the checkpoint after so many images, whether it exists or not."""
        stem = self.path / "checkpoints" / f"{images_seen:09d}"
        return Checkpoint(images_seen, stem.with_suffix(".safetensors"), stem.with_suffix(".state.safetensors"))

    def checkpoints(self) -> list[Checkpoint]:
        """All checkpoints, earliest first. The weights are written last: a checkpoint exists if its weights do."""
        stems = (path.name.removesuffix(".safetensors") for path in (self.path / "checkpoints").glob("*.safetensors"))
        return [
            self.checkpoint_at(images_seen) for images_seen in sorted(int(stem) for stem in stems if stem.isdigit())
        ]

    def latest(self, *, for_resume: bool = False) -> tuple[Checkpoint, list[str]]:
        """The latest intact checkpoint, and what is wrong with later ones. Raises `RunError` if none is intact."""
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
        intact = [each for each in self.checkpoints() if find_damage(each, for_resume=True) is None]
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

    def metrics(self) -> list[dict[str, Any]]:
        """Every report, in order."""
        path = self.path / METRICS
        lines: list[dict[str, Any]] = []
        for text in path.read_text(errors="replace").splitlines() if path.exists() else ():
            with suppress(json.JSONDecodeError):
                line = json.loads(text)
                if isinstance(line, dict) and "images_seen" in line:
                    lines.append(line)
        return lines

    def drop_after(self, images_seen: int) -> None:
        """Remove reports, sample grids and checkpoints after a point: a resumed training writes them again.

        Reports that were made because the training was stopped are removed too, with their grids.
        """
        found = self.metrics()
        lines = [line for line in found if line["images_seen"] <= images_seen and not line.get(STOPPED)]
        for line in found:
            if line.get(STOPPED):
                (self.path / "samples" / f"{line['images_seen']:09d}.png").unlink(missing_ok=True)
        write_whole(self.path / METRICS, "".join(json.dumps(line) + "\n" for line in lines))
        drop_scores_after(self.path, images_seen)
        for path in (*(self.path / "samples").glob("*"), *(self.path / "checkpoints").glob("*")):
            number = path.name.lstrip(".").split(".")[0]
            # A leading dot: a temporary file that a killed process left.
            if number.isdigit() and (path.name.startswith(".") or int(number) > images_seen):
                path.unlink(missing_ok=True)


def derived_metrics(line: dict[str, Any]) -> dict[str, float]:
    """The metrics derived from the losses in a line of `metrics.jsonl`: earlier versions wrote them as "readings"."""
    found = line.get("derived_metrics", line.get("readings"))
    return found if isinstance(found, dict) else {}
