"""The files of a run as they are published: made anew without paths in a folder of their own, or the run's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imagewright import catalogue
from imagewright.errors import ConfigError, RunError, count_text
from imagewright.hub.card import ModelCard, cleaner_of, published_scores
from imagewright.hub.headers import with_clean_record
from imagewright.latent import store
from imagewright.runs.consents import recorded_consents
from imagewright.runs.lock import is_training
from imagewright.runs.places import METRICS, PAGE, RECORD
from imagewright.runs.run import Run
from imagewright.runs.schemas import LatentsRecord
from imagewright.runs.scores import as_csv, as_json
from imagewright.runs.weights import CHECKPOINTS, find_damage, read_tensors


def check_publishable(run: Run, *, with_training_pictures: bool) -> None:
    """Raise for a run that is not to be published: in training, without consent, or whose weights are its pictures."""
    config = catalogue.model_class(run.model).Config
    if is_training(run.path):
        raise RunError(f"{run.path} is being trained now: push it when its training has ended.")
    if config.needs_consent and not recorded_consents(run):
        raise RunError(
            f"{run.path} has learned faces, and its {RECORD} records no consent of the people: it is not pushed. "
            f"Training by `imagewright train {run.model}` with --consent or --self records it."
        )
    if config.keeps_images and not with_training_pictures:
        raise ConfigError(
            f"The weights of {run.model} hold the training pictures themselves, from which anybody can rebuild them: "
            "if they may be published, say so by --with-training-pictures."
        )


class Publication:
    """The files of a run by their paths in the repository, and what was left out, as sentences.

    run: the run, of which the latest checkpoint is published.
    folder: an empty folder, for the files that are made anew.
    card: the model card.
    """

    def __init__(self, run: Run, folder: Path, card: ModelCard) -> None:
        self._run, self._folder = run, folder
        self._cleaner = cleaner_of(run)
        self.files: dict[str, Path] = {}
        self.notes: list[str] = []
        for path in card.write(folder):
            self.files[path.relative_to(folder).as_posix()] = path

    def add_all(self, *, with_training_state: bool, with_report: bool) -> None:
        """Add the weights, the records, the scores, the directions, and what was asked for besides."""
        self._add_text(RECORD, json.dumps(self._cleaner.run_record(), indent=2) + "\n")
        self._add_checkpoint(with_training_state)
        self._add_reports()
        self._add_scores()
        self._add_latents()
        self._add_report(with_report)
        self.notes += self._cleaner.notes()

    def _add_text(self, name: str, content: str) -> None:
        path = self._folder / name
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
        self.files[name] = path

    def _add_checkpoint(self, with_state: bool) -> None:
        checkpoint = self._run.latest(for_resume=with_state)[0]
        self._add_tensors(f"{CHECKPOINTS}/{checkpoint.weights.name}", checkpoint.weights, self._clean_weights)
        if with_state:
            self._add_tensors(f"{CHECKPOINTS}/{checkpoint.state.name}", checkpoint.state, self._cleaner.value)
        elif find_damage(checkpoint, for_resume=True) is None:
            self.notes.append("The state of the optimizers stays here: nobody can resume it (--with-training-state).")
        if (others := len(self._run.checkpoints()) - 1) > 0:
            self.notes.append(f"{count_text(others, 'earlier checkpoint')} of the run {_stays(others)} here.")

    def _add_tensors(self, name: str, path: Path, clean: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self.files[name] = with_clean_record(path, self._folder / name, clean)

    def _clean_weights(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record of a weights file: the configuration as in run.json, the rest by the rules."""
        rest = {name: value for name, value in record.items() if name != "config"}
        cleaned: dict[str, Any] = self._cleaner.value(rest)
        return cleaned | ({"config": self._cleaner.config(record["config"])} if "config" in record else {})

    def _add_reports(self) -> None:
        lines = [json.dumps(self._cleaner.value(line)) for line in self._run.reports()]
        if lines:
            self._add_text(METRICS, "\n".join(lines) + "\n")

    def _add_scores(self) -> None:
        images_seen = self._run.latest()[0].images_seen
        if scores := published_scores(self._run, self._cleaner, images_seen):
            self._add_text("scores.json", as_json(scores))
            self._add_text("scores.csv", as_csv(scores))

    def _add_latents(self) -> None:
        """Directions are published. Latents may be somebody's picture, and stay."""
        stay = 0
        for name in store.names_of(self._run):
            path = self._run.path / store.FOLDER / f"{name}{store.SUFFIX}"
            if store.kind_of(read_tensors(path, LatentsRecord)[1]) == "direction" and name.isascii():
                self._add_tensors(f"{store.FOLDER}/{path.name}", path, self._cleaner.value)
            else:
                stay += 1
        if stay:
            self.notes.append(
                f"{count_text(stay, 'file')} of latents {_stays(stay)} here: decoded, they are the pictures that were "
                "projected."
            )

    def _add_report(self, asked: bool) -> None:
        page = self._run.path / PAGE
        if not asked:
            return
        if not page.is_file():
            raise RunError(f"{self._run.path} has no {PAGE}: leave --with-report out.")
        self.files[PAGE] = page
        self.notes.append(f"{PAGE} is pushed as it is: with training pictures, and with the paths that it names.")


def _stays(number: int) -> str:
    return "stays" if number == 1 else "stay"
