"""The sections of a model card, each as lines of Markdown, from the published records of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from imagewright import catalogue
from imagewright.configs import DATA_FIELDS
from imagewright.counts import seen_text
from imagewright.errors import count_text, number_text, one_line
from imagewright.hub.licences import OTHER
from imagewright.hub.metadata import title_of
from imagewright.pixels import size_text
from imagewright.runs.cleaning import OWN, described_sets
from imagewright.runs.report.score_tables import arrow, describe_recipes, explain_columns, format_score, make_columns
from imagewright.runs.scores import Score

MOST_NAMES = 20  # classes that are listed by name
PLAN = ("images_seen", "batch_size", "learning_rate", "schedule", "warmup", "clip", "ema_half_life", "precision")
USES_TO_AVOID = (
    "pictures of a person who has not agreed to them;",
    "pictures that are shown as photographs or footage of something that happened;",
    "recognising people, or deciding anything about them;",
    "sexual pictures of real people, harassment, fraud.",
)


def cell(value: Any, most: int = 300) -> str:
    """A value as a cell of a table, or inside a sentence: one line, without Markdown's and HTML's signs."""
    if value is None:
        return "none"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, list | tuple):
        return cell(", ".join(str(each) for each in value) or "none", most)
    text = one_line(value, most).replace("\\", "\\\\").replace("<", "&lt;")
    for sign in "|*_`[]":
        text = text.replace(sign, f"\\{sign}")
    return text


def code(value: Any, most: int = 300) -> str:
    """A value as a span of code, in which Markdown knows no escapes: more backticks around it than are in it."""
    text = one_line(str(value), most)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}"


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """A Markdown table; cells as of `cell`, but those of the header as they are."""
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return [*lines, *(f"| {' | '.join(cell(each) for each in row)} |" for row in rows)]


def opening(record: Mapping[str, Any], images_seen: int, parameters: int) -> list[str]:
    """What the model is, in a sentence."""
    entry = catalogue.entry_of(str(record["model"]))
    height, width = record["config"]["size"]
    seen = "Imported from published weights" if "imported" in record else f"Training: {_seen(record, images_seen)}"
    return [
        f"`{entry.name}` ({entry.paper}): {entry.summary}. Pictures of {size_text((height, width))}, "
        f"{parameters:,} numbers in its weights. {seen}. "
        "Made with imagewright, which loads it."
    ]


def _seen(record: Mapping[str, Any], images_seen: int) -> str:
    return seen_text(images_seen, (record.get("plan") or {}).get("images_seen"))


def how_to_load(record: Mapping[str, Any], repository: str) -> list[str]:
    """The commands and the lines of Python that use the run."""
    name = repository.rpartition("/")[2]
    verbs = catalogue.entry_of(str(record["model"])).verbs
    python = {
        "sample": "pictures = iw.sample(run, 16, seed=0)  # uint8 (N, C, H, W)",
        "translate": 'pictures = iw.translate(run, "photos/")',
        "reconstruct": 'pictures = iw.reconstruct(run, "photos/")',
        "classify": 'classes = iw.classify(run, "photos/")',
    }
    command = {
        "sample": f"imagewright sample runs/{name} --out samples.png",
        "translate": f"imagewright translate runs/{name} photos/ --out translated/",
        "reconstruct": f"imagewright reconstruct runs/{name} photos/ --out rebuilt.png",
        "classify": f"imagewright classify runs/{name} photos/ --out classes.csv",
    }
    known = [verb for verb in command if verb in verbs][:1]
    if catalogue.entry_of(str(record["model"])).needs == "people":  # whole footage, not the crops of faces
        python["translate"] = 'iw.swap_faces(run, "footage.mp4", "swapped.mp4")'
        command["translate"] = f"imagewright swap convert runs/{name} footage.mp4 --out swapped.mp4"
    typed = ["pip install 'imagewright[hub]'", f"imagewright pull {repository}", *(command[verb] for verb in known)]
    lines = [
        "import imagewright as iw",
        f'run = iw.pull("{repository}")',
        "model = iw.load(run)  # a torch.nn.Module",
        *(python[verb] for verb in known),
    ]
    return ["```sh", *typed, "```", "", "```python", *lines, "```"]


def training_data(record: Mapping[str, Any], about: str | None) -> list[str]:
    """The sets by number, size and classes; never where they lie."""
    if "imported" in record:
        files = ", ".join(f"{code(name)} (SHA-256 {cell(digest)})" for name, digest in record["imported"].items())
        terms = record.get("licence")
        said = f" Its authors publish them under: {cell(terms)}." if terms else ""
        lines = [f"The weights were imported, not trained here, from {files}.{said}"]
        return [*lines, "", f"The author writes: {cell(about, 2000)}"] if about else lines
    rows = []
    for name, each in described_sets(record).items():
        height, width = each.get("size") or (0, 0)
        layers = [f"{layer['name']} ({layer['kind']})" for layer in each.get("layers") or ()]
        shape = f"{size_text((height, width))}, {count_text(int(each.get('channels') or 0), 'channel')}"
        rows.append((name, each.get("source"), f"{each.get('count', 0):,}", shape, layers, _named(each, "class_names")))
    header = ("set", "source", "pictures", "size", "layers", "classes")
    lines = table(header, rows)
    if any(each.get("source") == OWN for each in described_sets(record).values()):
        lines += ["", f'"{OWN.capitalize()}" are a set that the author has; it is not in this repository.']
    said = cell(about, 2000) if about else "The author states no source and no terms of the pictures."
    return [*lines, "", f"The author writes: {said}" if about else said]


def _named(described: Mapping[str, Any], what: str) -> str:
    names = described.get(what) or []
    if not names:
        return "none"
    listed = ", ".join(map(str, names[:MOST_NAMES])) + (", ..." if len(names) > MOST_NAMES else "")
    return f"{len(names):,}: {listed}"


def recipe(record: Mapping[str, Any]) -> list[str]:
    """The numbers of the training, the options of the model, and the command, without paths."""
    plan = record.get("plan") or {}
    asked = {name: name.replace("_", " ") for name in PLAN} | {"images_seen": "images asked"}  # seen: see the opening
    rows: list[tuple[str, Any]] = [(asked[name], plan[name]) for name in PLAN if plan.get(name) is not None]
    options = {name: value for name, value in record["config"].items() if name not in DATA_FIELDS}
    rows += [("option " + name.replace("_", "-"), value) for name, value in options.items()]
    rows += [("seed", record.get("seed", 0))]
    rows += [(f"version of {name}", value) for name, value in (record.get("versions") or {}).items()]
    lines = table(("setting", "value"), rows)
    command = str(record.get("command") or "")
    if command:
        lines += ["", 'The command ("..." stands for what names files of the author):', ""]
        lines += ["```sh", one_line(command, 1500), "```"]
    return lines


def score_section(scores: Sequence[Score]) -> list[str]:
    """The table of scores with their intervals and recipes."""
    from imagewright.metrics.score_recipes import recipe_differences

    if not scores:
        return ["Not evaluated (`imagewright evaluate`)."]
    columns = make_columns(scores)
    shown = [
        (column, score) for column in columns for score in scores if score.place[:2] == (column.output, column.key)
    ]
    rows = [
        (
            f"{column.title}{title_of(score).removeprefix(score.title)}{arrow(score.better)}",
            format_score(score),
            score.interval or "no interval",
            f"{score.images_seen:,}" if score.images_seen is not None else "",
            score.key,
        )
        for column, score in shown
    ]
    lines = table(("score", "value", "interval", "images seen", "recipe"), rows)
    lines += ["", "Scores of one recipe can be compared, others cannot. The recipes:", ""]
    lines += [f"- {cell(line.rstrip(':'))}" for line in describe_recipes([score for _, score in shown])]
    lines += [f"- {cell(line)}" for line in explain_columns(columns, recipe_differences)]
    warnings = dict.fromkeys(warning for _, score in shown for warning in score.warnings)
    return [*lines, *(["", "Reservations:", "", *(f"- {cell(each, 600)}" for each in warnings)] if warnings else [])]


def limits(*, people: bool) -> list[str]:
    """What the model must not be used for."""
    lines = [
        "What it makes are no photographs, and every picture says so in its provenance record (IPTC's digital source "
        "type; `imagewright inspect` shows it). It may repeat its training pictures: `imagewright latent neighbours` "
        "looks for that."
    ]
    if not people:
        return [
            *lines,
            "If there were people on its training pictures, what it makes may look like them: it must not be used to "
            "deceive anybody, or to recognise anybody.",
        ]
    return [*lines, "", "It makes or changes pictures of people. It must not be used for:", "", *_listed(USES_TO_AVOID)]


def consents(record: Mapping[str, Any]) -> list[str]:
    """The recorded consents of the people whose faces were learned."""
    rows = [(each.get("who"), each.get("given_by"), each.get("when")) for each in record.get("consent") or ()]
    return table(("whose faces", "given by", "when"), rows)


def licence_section(licence: str, record: Mapping[str, Any]) -> list[str]:
    """The licence in a sentence; of imported weights, that of their authors too."""
    if licence == OTHER:
        return ["The author's own terms: ask before use."]
    lines = [f"The weights: {cell(licence)}, as the author chose. The training pictures have terms of their own."]
    terms = record.get("licence") if "imported" in record else None
    return [*lines, f"The files that they were imported from: {cell(terms)}, whose terms hold too."] if terms else lines


def provenance(record: Mapping[str, Any], images_seen: int, fingerprint: str) -> list[str]:
    """The checkpoint and what it came from."""
    rows: list[tuple[str, Any]] = [("checkpoint", _seen(record, images_seen))]
    rows.append(("fingerprint of the weights", fingerprint))
    if started := record.get("started_from"):
        rows.append(("training began from weights with SHA-256", started.get("digest", "unknown")))
    for name, each in described_sets(record).items():
        if each.get("fingerprint"):
            rows.append((f"fingerprint of the set {name}", each["fingerprint"]))
    if pulled := record.get("pulled"):
        rows.append(("pulled from", f"{pulled.get('repository')} at {pulled.get('commit')}"))
    return table(("what", "value"), rows)


def _listed(lines: Sequence[str]) -> list[str]:
    return [f"- {line}" for line in lines]
