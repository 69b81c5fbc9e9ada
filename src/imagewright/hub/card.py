"""The model card of a run: front matter that the hub reads, the text, and pictures with their provenance.

What the sections answer follows Mitchell et al. 2019, "Model Cards for Model Reporting", section 4.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagewright import catalogue
from imagewright.capabilities import Samples, sampled_classes, samples_classes
from imagewright.files import written_together
from imagewright.hub import sections
from imagewright.hub.front_matter import to_front_matter
from imagewright.hub.layout import CARD, PICTURES
from imagewright.hub.licences import check_licence
from imagewright.hub.metadata import card_metadata
from imagewright.latent.store import fingerprint_of
from imagewright.model import Model
from imagewright.output.sheets import Sheet
from imagewright.output.writing import new_file, refuse_existing
from imagewright.runs.cleaning import Cleaner, described_sets
from imagewright.runs.loading import load
from imagewright.runs.run import Run
from imagewright.runs.scores import Score, read_scores
from imagewright.training.doctor.findings import examine, why_not_diagnosed
from imagewright.verbs.apply import ImagesLike
from imagewright.verbs.sheets import reconstruction_sheet, sample_sheet
from imagewright.verbs.translation_sheets import translation_sheet

NOWHERE = "OWNER/NAME"
SAMPLES_SHOWN, EXAMPLES_SHOWN, MOST_CLASSES = 16, 8, 16
OF_FACES = ("faces",)  # named sets that show people


@dataclass(frozen=True)
class ModelCard:
    """A model card: `text` is README.md as the hub reads it, `pictures` the sheets that it shows, by their names.

    metadata: the front matter, as JSON values.
    notes: sentences for the user, such as what was taken out.
    """

    text: str
    pictures: Mapping[str, Sheet]
    metadata: Mapping[str, Any]
    notes: tuple[str, ...] = field(default=())

    @written_together()
    def write(self, folder: str | Path, *, force: bool = False) -> list[Path]:
        """Write README.md and the pictures of `card/` into a folder. Returns the paths.

        force: replace files that exist.
        Raises `RunError` if one exists or cannot be written; then none is.
        """
        paths = [Path(folder) / CARD, *(Path(folder) / PICTURES / f"{name}.png" for name in self.pictures)]
        refuse_existing(paths, force=force)
        with new_file(paths[0], force=force) as file:
            file.write(self.text.encode())
        for path, sheet in zip(paths[1:], self.pictures.values(), strict=True):
            sheet.write(path, force=force)
        return paths

    def _repr_markdown_(self) -> str:
        """What a notebook shows: the text without the front matter."""
        return self.text.partition("\n---\n")[2]


def model_card(
    run: Run | str | Path,
    *,
    license: str | None = None,
    repository: str = NOWHERE,
    about_data: str | None = None,
    people: bool = False,
    examples: ImagesLike | None = None,
) -> ModelCard:
    """The model card of a run, in the format of the Hugging Face hub.

    run: a run or its directory. Its latest checkpoint is described.
    license: of the weights: an SPDX identifier, or "other". Required.
    repository: OWNER/NAME on the hub, for the commands that load it.
    about_data: where the training pictures come from and on which terms, in the author's words.
    people: whether the pictures show people: the card then says what the model must not be used for. It does so anyway
        for models that learn faces, and runs with a record of consent.
    examples: pictures that are shown, and so published, beside what the model makes of them; none by default.

    The training pictures are described by number, size and classes, never by their place, and never shown. The same
    run gives the same card. Raises `ConfigError` without a known licence, `RunError` for a run without weights.
    """
    licence = check_licence(license)
    opened = run if isinstance(run, Run) else Run(run)
    cleaner = cleaner_of(opened)
    record = cleaner.run_record()
    checkpoint = opened.latest()[0]
    model = load(opened, images_seen=checkpoint.images_seen)
    scores = _newest(published_scores(opened, cleaner, checkpoint.images_seen))
    people = people or shows_people(record)
    name = repository.rpartition("/")[2] if repository != NOWHERE else str(record["model"])
    metadata = card_metadata(record, scores, name=name, licence=licence, people=people)
    pictures = _pictures(model, record, examples)
    parameters = sum(tensor.numel() for tensor in model.state_dict().values())
    chapters = {
        "Use": sections.how_to_load(record, repository),
        "Pictures that it learned from": sections.training_data(record, about_data),
        "Consent": sections.consents(record) if record.get("consent") else [],
        "Training": [] if "imported" in record else sections.recipe(record),
        "Scores": sections.score_section(scores),
        "What the doctor says": _diagnosis(opened, cleaner),
        "Limits": sections.limits(people=people),
        "Licence": sections.licence_section(licence, record),
        "Provenance": sections.provenance(record, checkpoint.images_seen, fingerprint_of(model)),
    }
    lines = [to_front_matter(metadata), "", f"# {sections.cell(name)}", ""]
    lines += sections.opening(record, checkpoint.images_seen, parameters)
    for picture, sheet in pictures.items():
        lines += ["", f"![{sections.cell(sheet.title)}]({PICTURES}/{picture}.png)"]
    for title, content in chapters.items():
        lines += ["", f"## {title}", "", *content] if content else []
    return ModelCard("\n".join(lines) + "\n", pictures, metadata, tuple(cleaner.notes()))


def shows_people(record: Mapping[str, Any]) -> bool:
    """Whether a run is known to have learned faces: by its model, its consents, or a named set of faces."""
    by_model = catalogue.model_class(str(record["model"])).Config.needs_consent
    sources = [str(each.get("source")) for each in described_sets(record).values()]
    return by_model or bool(record.get("consent")) or any(source in OF_FACES for source in sources)


def cleaner_of(run: Run) -> Cleaner:
    """The cleaner of a run's records. It knows the names in the scores too before any record is cleaned."""
    cleaner = Cleaner(run.record)
    for score in read_scores(run.path):
        cleaner.know([score.subject, (score.recipe.get("reference") or {}).get("source")])
    return cleaner


def published_scores(run: Run, cleaner: Cleaner, images_seen: int) -> list[Score]:
    """The scores of a run up to a checkpoint, without paths."""
    return [
        dataclasses.replace(
            score,
            subject=str(run.record["model"]),
            recipe=cleaner.value(score.recipe),
            warnings=tuple(map(cleaner.text, score.warnings)),
        )
        for score in read_scores(run.path)
        if score.images_seen is None or score.images_seen <= images_seen
    ]


def _newest(scores: Iterable[Score]) -> list[Score]:
    """Of scores of one output, recipe and distribution, the one at the latest checkpoint."""
    found = {
        (score.output, score.key, score.sampled_from): score
        for score in sorted(scores, key=lambda score: score.images_seen or 0)
    }
    return list(found.values())


def _pictures(model: Model, record: Mapping[str, Any], examples: ImagesLike | None) -> dict[str, Sheet]:
    """The sheets of a card: new pictures if the model makes them, and the examples that the author names."""
    found: dict[str, Sheet] = {}
    if isinstance(model, Samples):
        each_class = samples_classes(model) and len(sampled_classes(model)) <= MOST_CLASSES
        count = EXAMPLES_SHOWN if each_class else SAMPLES_SHOWN
        found["samples"] = sample_sheet(model, count, seed=0, each_class=each_class)
    if examples is not None:
        translates = "translate" in catalogue.entry_of(str(record["model"])).verbs
        make = translation_sheet if translates else reconstruction_sheet
        sheet = make(model, examples, EXAMPLES_SHOWN)
        numbers = [str(number) for number in range(1, len(sheet.column_labels or ()) + 1)]  # not the names of files
        settings = {
            key: value for key, value in ((sheet.record or {}).get("settings") or {}).items() if key != "source"
        }
        own_record = {**(sheet.record or {}), "settings": settings}
        found["examples"] = dataclasses.replace(sheet, column_labels=numbers or None, record=own_record)
    return found


def _diagnosis(run: Run, cleaner: Cleaner) -> list[str]:
    reports = run.metrics()
    reason = why_not_diagnosed(run, reports)
    if reason is not None:
        return [sections.cell(reason)]
    found = examine(run, ended=True)
    lines = [f"{finding.name}: {finding.evidence}." for finding in found.findings] + found.lines()
    return [f"- {cleaner.text(line)}" for line in lines]
