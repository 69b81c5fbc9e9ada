"""The documentation site: every model has a page, every public name a place, and no link of the pages is lost."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from PIL import Image

import imagewright as iw
from imagewright import catalogue, configs

DOCS = Path(__file__).resolve().parents[2] / "docs"
sys.path.insert(0, str(DOCS / "site"))

from api_pages import api_pages, rooms  # noqa: E402
from documents import FROM_ROOT, from_docs, page_of_notebook, pages_of_the_root  # noqa: E402
from model_pages import model_pages, pictured, reproduced, speeds  # noqa: E402

PAGES = model_pages()
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#[^)\s]*)?\)")


def test_every_model_has_a_page_and_no_other() -> None:
    assert set(PAGES) == {"model/index.md", *(f"model/{name}.md" for name in catalogue.entries())}


@pytest.mark.parametrize("name", catalogue.entries())
def test_a_page_has_what_the_catalogue_and_the_schema_say(name: str) -> None:
    page, entry = PAGES[f"model/{name}.md"], catalogue.entry_of(name)
    assert page.startswith(f"# {name}\n")
    assert entry.paper.replace("<", "&lt;") in page
    assert all(f"`{verb}`" in page for verb in entry.verbs)
    config = catalogue.model_class(name).Config
    typed = set(re.findall(r"^\| `(--[\w-]+)` \|", page, re.MULTILINE))
    assert len(typed) == len(configs.options_of(config))
    for part in ("## How it is made", "## Options", "## Figures"):
        assert page.count(part) == 1
    assert "None" not in re.sub(r"`[^`]*`", "", page)
    widths = {
        len(re.sub(r"\\\||`[^`]*`", "", line).split("|")) for line in page.splitlines() if line.startswith("| `--")
    }
    assert widths <= {5}, "three cells a row"


@pytest.mark.parametrize("name", catalogue.entries())
def test_a_page_has_a_picture_or_the_reason_why_there_is_none(name: str) -> None:
    page, path = PAGES[f"model/{name}.md"], DOCS / "pictures" / "models" / f"{name}.webp"
    shows = {"sample", "reconstruct", "translate"}.intersection(catalogue.entry_of(name).verbs)
    assert path.exists() == (name in pictured())
    assert shows or not path.exists()
    assert (f"](../pictures/models/{name}.webp)" in page) == path.exists()
    reason = "it was not trained long enough here for one worth showing" if shows else "it makes none"
    assert (f"There is no picture of it: {reason}." in page) != path.exists()
    if path.exists():
        assert path.stat().st_size <= 15_000
        with Image.open(path) as picture:
            assert "A" in picture.getbands(), "gaps are transparent"
            assert len(picture.getcolors(2**16) or range(2**16)) > 16, "it shows nothing"


@pytest.mark.parametrize("name", catalogue.entries())
def test_a_page_says_how_fast_a_model_is_and_on_what(name: str) -> None:
    (said,) = re.findall(r"## Speed\n\n(.+)\n", PAGES[f"model/{name}.md"])
    closed_form = catalogue.model_class(name).is_closed_form()
    pattern = (
        r"Fitted to [\d,]+ pictures in [\d.,]+ s and" if closed_form else r"It trains on [\d.,]+ pictures a second, "
    )
    assert re.match(pattern, said)
    assert re.search(
        r" [\d.]+ GiB of memory: pictures of \d+ pixels, .+ one thread of a CPU \(.+, torch [\d.]+\)", said
    )
    assert re.search(rf"^\| \[`{name}`\].*(pictures/s|s a fit) \|", PAGES["model/index.md"], re.MULTILINE)


def test_the_tables_of_pictures_and_speeds_name_no_other_model() -> None:
    assert pictured().keys() <= catalogue.entries().keys()
    assert speeds()["models"].keys() == catalogue.entries().keys()


def test_figures_come_from_the_page_of_reproduction() -> None:
    named = {name for _, rows in reproduced() for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    assert named <= set(catalogue.entries()), "docs/reproduction.md names a system that is not in the catalogue"
    for name in catalogue.entries():
        assert ("Nothing of it has been measured" in PAGES[f"model/{name}.md"]) != (name in named)


def test_every_public_name_is_on_one_page() -> None:
    listed = [name for names in rooms().values() for name in names]
    assert sorted(listed) == sorted(set(iw.__all__) - {"__version__"})
    pages = api_pages()
    assert sum(page.count("\n::: ") for page in pages.values()) == len(listed)


def test_links_of_the_site_lead_to_its_pages() -> None:
    documents = {path.name: from_docs(path.read_text()) for path in DOCS.glob("*.md")}
    documents["contents.md"] = documents.pop("index.md")
    notebooks = {f"tutorials/{path.stem}.md": page_of_notebook(path) for path in (DOCS / "tutorials").glob("*.ipynb")}
    pages = {**documents, **pages_of_the_root(), **PAGES, **api_pages(), **notebooks}
    lost = [
        f"{name}: {target}"
        for name, text in pages.items()
        for target in LINK.findall(text)
        if target and (place := Path("/", name).parent.joinpath(target)) and not known(place, pages)
    ]
    assert not lost
    assert set(FROM_ROOT.values()) <= pages.keys()


def known(place: Path, pages: dict[str, str]) -> bool:
    """Whether a path on the site is a page, or a file of docs/."""
    parts: list[str] = []
    for part in place.parts[1:]:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts) in pages or DOCS.joinpath(*parts).is_file()
