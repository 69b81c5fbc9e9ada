"""A page for each model of the catalogue: picture, paper, needs, options, figures. Made of the package itself.

Nothing here is written by hand: the entry is the catalogue's, the text the docstring of the model's file, the options
its configuration's, the figures those of docs/reproduction.md, the picture that of benchmarks/model_pictures.py, the
speed that of benchmarks/model_speeds.py.
"""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from imagewright import catalogue
from imagewright.configs import DATA_FIELDS, option_row

DOCS = Path(__file__).resolve().parents[1]
PICTURES = DOCS / "pictures" / "models"
FOLDER = "model"  # of the pages; docs/models.md has the name "models"
OF_THE_CODE = "\nShape letters:"  # from here on a model's file speaks of its code
NEEDS = {
    "pictures": "a folder of pictures",
    "classes": "pictures with classes, a folder a class, or attributes",
    "pairs": "pairs of an input and a target",
    "two sets": "two folders of pictures, without pairs",
    "people": "the faces of two people, and their consent",
}


def model_pages() -> dict[str, str]:
    """Every page by its path: `model/index.md`, and `model/NAME.md` for each model, as Markdown."""
    pages = {f"{FOLDER}/{name}.md": model_page(name) for name in catalogue.entries()}
    return {f"{FOLDER}/index.md": index_page(), **pages}


def index_page() -> str:
    """All models by family, each with its picture and its speed."""
    parts = [
        "# All models",
        "Each page is made of the package itself. How to choose: [models](../models.md).",
        f"Speed: {pictures_and_threads()}; each model's page says on which.",
    ]
    families: dict[str, list[catalogue.Entry]] = {}
    for entry in catalogue.list_models():
        families.setdefault(entry.family, []).append(entry)
    for family, entries in families.items():
        rows = [index_row(each) for each in entries]
        parts += [f"## {family.capitalize()}", table(("model", "what it is", "speed"), rows)]
    return "\n\n".join(parts) + "\n"


def index_row(entry: catalogue.Entry) -> str:
    """A model as a row of the page of all."""
    name, what = entry.name, cell(entry.summary)
    if has_picture(name):  # below the words, so that the table is as narrow as a telephone
        what += f"<br>[![{name}: {pictured()[name]['shows']}](../pictures/models/{name}.webp)]({name}.md)"
    cells = (f"[`{name}`]({name}.md)", what, short_speed(name))
    return "| " + " | ".join(cells) + " |"


def model_page(name: str) -> str:
    """The page of a model, as Markdown."""
    entry = catalogue.entry_of(name)
    config: Any = catalogue.model_class(name).Config
    parts = [f"# {name}", f"{entry.summary[0].upper()}{entry.summary[1:]}.", picture_of(name), facts(entry)]
    parts += [f"```sh\nimagewright train {name} {entry.sources}\n```", "## How it is made", about(name)]
    options = [
        "| " + " | ".join(cell(text) for text in (f"`{option}`", what, f"`{default}`" if default else "")) + " |"
        for option, what, default in (
            option_row(field, config.__pydantic_fields__[field])
            for field in config.__pydantic_fields__
            if field not in DATA_FIELDS
        )
    ]
    parts += [
        "## Options",
        table(("option", "what it is", "default"), options) if options else "It has none of its own.",
    ]
    parts += [f"`imagewright train {name} --help` lists those of every training too.", "## Speed", speed_of(name)]
    parts += ["## Figures", figures_of(name)]
    return "\n\n".join(parts) + "\n"


def picture_of(name: str) -> str:
    """Its picture with what it shows, or a sentence that there is none."""
    if not has_picture(name):
        return f"There is no picture of it: {without_picture(catalogue.entry_of(name))}."
    line = pictured()[name]
    shows = f"{line['shows']}, after {line['images_seen']:,} images" if line["images_seen"] else line["shows"]
    words = f"Trained on {line['trained_on']}: {shows}."
    return f"![{words}](../pictures/models/{name}.webp)\n\n*{words} A short training, which says nothing of its best.*"


def has_picture(name: str) -> bool:
    """Whether there is one, with its line in the table."""
    return name in pictured() and (PICTURES / f"{name}.webp").exists()


def without_picture(entry: catalogue.Entry) -> str:
    """Why the page of a model has no picture."""
    if not {"sample", "reconstruct", "translate"}.intersection(entry.verbs):
        return "it makes none"
    return "it was not trained long enough here for one worth showing"


def speed_of(name: str) -> str:
    """How fast it trains or is fitted, in how much memory, and on what that was measured."""
    line = speeds()["models"].get(name)
    if line is None:
        return "It has not been measured."
    memory = f"{line['memory_bytes'] / 2**30:.2f} GiB of memory"
    if "fit_seconds" in line:
        seconds = number(line["fit_seconds"])
        return f"Fitted to {line['pictures']:,} pictures in {seconds} s and {memory}: {measured_on(line)}."
    rate, batch = number(line["images_per_second"]), line["batch_size"]
    steps = "a picture" if batch == 1 else f"{batch:,} pictures"
    command = f"imagewright train {name} {catalogue.entry_of(name).sources} --plan"
    return (
        f"It trains on {rate} pictures a second, {steps} a step, in {line['precision']} and {memory}: "
        f"{measured_on(line)}. `{command}` measures it on yours."
    )


def short_speed(name: str) -> str:
    """The speed as a cell of the page of all models."""
    line = speeds()["models"].get(name, {})
    if "fit_seconds" in line:
        return f"{number(line['fit_seconds'])} s a fit"
    return f"{number(line['images_per_second'])} pictures/s" if line else ""


def number(value: float) -> str:
    """A figure of two digits.

    >>> number(1300.0), number(0.05), number(4.0)
    ('1,300', '0.05', '4')
    """
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"


def measured_on(line: dict[str, Any]) -> str:
    """What a speed was measured on: `line` of the table."""
    date = f", {line['date']}" if "date" in line else ""
    return f"{pictures_and_threads()} ({line['processor']}, torch {line['torch']}{date})"


def pictures_and_threads() -> str:
    """What all speeds were measured on."""
    on = speeds()["on"]
    threads = "one thread" if on["threads"] == 1 else f"{on['threads']} threads"
    return f"pictures of {on['side']} pixels, the options that are suggested for them, {threads} of a CPU"


def facts(entry: catalogue.Entry) -> str:
    """Family, paper, needs and verbs as a table."""
    section = section_of(entry.name)
    rows = {
        "family": entry.family,
        "paper": entry.paper,
        "needs": NEEDS[entry.needs],
        "verbs": ", ".join(f"`{verb}`" for verb in entry.verbs),
        "published checkpoints": "read ([checkpoints](../checkpoints.md))" if entry.adapter else "none are read",
        "more": f"[how to use it](../models.md#{section})" if section else "[models](../models.md)",
    }
    return table(("what", "of this model"), [f"| {key} | {cell(value)} |" for key, value in rows.items()])


def about(name: str) -> str:
    """What the model's file says of it, as Markdown."""
    module = sys.modules[catalogue.model_class(name).__module__]
    text = (module.__doc__ or "").split(OF_THE_CODE)[0].strip()
    return re.sub(r"(?<=\S)  +", " ", text).replace("<", "&lt;")


def figures_of(name: str) -> str:
    """The rows of docs/reproduction.md that are of the model, or a sentence that there are none."""
    found = [
        table(tuple(head), ["| " + " | ".join(row) + " |" for row in rows if mentions(row[0], name)])
        for head, rows in reproduced()
        if any(mentions(row[0], name) for row in rows)
    ]
    if not found:
        return "Nothing of it has been measured against its paper yet ([reproduction](../reproduction.md))."
    return "\n\n".join(
        [
            *found,
            "More, and how it was measured: [reproduction](../reproduction.md), [measurements](../measurements.md).",
        ]
    )


def mentions(text: str, name: str) -> bool:
    """Whether the first cell of a row names the model: "`biggan`, `biggan_deep`"."""
    return f"`{name}`" in text


@cache
def reproduced() -> tuple[tuple[list[str], list[list[str]]], ...]:
    """The tables of docs/reproduction.md: the head and the rows of each; links lead from the folder of the pages."""
    tables, path = [], DOCS / "reproduction.md"
    text = path.read_text() if path.exists() else ""
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        lines = [[part.strip() for part in line.strip().strip("|").split("|")] for line in block.splitlines()]
        rows = [[re.sub(r"\]\((?!\w+:)", "](../", part) for part in line] for line in lines[2:]]
        tables.append((lines[0], rows))
    return tuple(tables)


@cache
def pictured() -> dict[str, dict[str, Any]]:
    """The table that benchmarks/model_pictures.py wrote."""
    path = PICTURES / "models.json"
    return json.loads(path.read_text()) if path.exists() else {}


@cache
def speeds() -> dict[str, Any]:
    """The table that benchmarks/model_speeds.py wrote."""
    table: dict[str, Any] = json.loads((PICTURES / "speeds.json").read_text())
    return table


@cache
def sections() -> dict[str, str]:
    """The anchor of a model's section in docs/models.md: headings name one model or several."""
    found = {}
    for heading in re.findall(r"^## (.+)$", (DOCS / "models.md").read_text(), re.MULTILINE):
        anchor = re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading.lower())).strip("-")
        found.update(dict.fromkeys((name.strip() for name in heading.split(",")), anchor))
    return found


def section_of(name: str) -> str | None:
    """The anchor of its section, or None."""
    return sections().get(name)


def cell(text: str) -> str:
    """A text as a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def table(head: tuple[str, ...], rows: list[str]) -> str:
    """A table of rows that are Markdown already."""
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *rows])
