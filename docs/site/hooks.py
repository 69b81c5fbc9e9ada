"""What mkdocs calls while it builds the site: adds the generated pages, and changes links that leave docs/."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

from api_pages import api_pages
from documents import LIST, from_docs, page_of_notebook, pages_of_the_root
from model_pages import model_pages

GENERATED: dict[str, str] = {}


def on_config(config: Any) -> Any:
    """The navigation: the sections of docs/index.md, then models, tutorials and Python, from what is generated."""
    docs = Path(config["docs_dir"])
    nav: list[Any] = [{"Start": "index.md"}, {"All documents": LIST}]
    tutorials = [f"tutorials/{path.stem}.md" for path in sorted((docs / "tutorials").glob("*.ipynb"))]
    nav.append({"Tutorials": tutorials})
    for title, pages in sections_of((docs / "index.md").read_text()):
        nav.append({title: pages})
    nav.append({"All models": list(model_pages())})
    nav.append({"Python": list(api_pages())})
    config["nav"] = nav
    return config


def sections_of(contents: str) -> list[tuple[str, list[str]]]:
    """Each heading of the list of documents with the pages that it is the first to name."""
    found: list[tuple[str, list[str]]] = []
    seen: set[str] = {"index.md", LIST}
    for part in from_docs(contents).split("\n## "):
        title, _, rest = part.partition("\n")
        pages = [page for page in re.findall(r"\]\(([\w/]+\.md)\)", rest) if not page.startswith("tutorials/")]
        new = list(dict.fromkeys(page for page in pages if page not in seen))
        seen.update(new)
        if new:
            found.append((title.strip("# ").replace("Documentation", "First steps"), new))
    return found


def on_files(files: Files, config: Any) -> Files:
    """Add what is generated; the list of documents moves, because the first page is README.md."""
    docs = Path(config["docs_dir"])
    contents = files.get_file_from_path("index.md")
    if contents is not None:
        files.remove(contents)
    GENERATED.update(model_pages() | api_pages() | pages_of_the_root())
    GENERATED[LIST] = from_docs((docs / "index.md").read_text())
    for notebook in sorted((docs / "tutorials").glob("*.ipynb")):
        GENERATED[f"tutorials/{notebook.stem}.md"] = page_of_notebook(notebook)
    for path, content in GENERATED.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links of the documents that are taken as they are."""
    return markdown if page.file.src_uri in GENERATED else from_docs(markdown)
