"""Documents of the repository as pages of the site: links that lead out of docs/ are changed, notebooks become pages.

On GitHub, docs/index.md is the list of documents and README.md the start; on the site README.md is the first page.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = "contents.md"  # docs/index.md on the site
FROM_ROOT = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
LINK = re.compile(r"(\]\()([^)#\s]+)(#[^)\s]*)?(\))")


def pages_of_the_root() -> dict[str, str]:
    """The documents beside docs/, by their paths on the site."""
    return {page: from_root((ROOT / name).read_text()) for name, page in FROM_ROOT.items() if (ROOT / name).exists()}


def from_root(text: str) -> str:
    """A document of the root with links for the site. A link to a file that is no page becomes its name."""

    def lead(target: str) -> str | None:
        if target.startswith("docs/"):
            return on_site(target.removeprefix("docs/"))
        return FROM_ROOT.get(target)

    return change_links(text, lead)


def from_docs(text: str) -> str:
    """A document of docs/ with links for the site."""

    def lead(target: str) -> str | None:
        if target.startswith("../"):
            return FROM_ROOT.get(target.removeprefix("../"))
        return on_site(target)

    return change_links(text, lead)


def on_site(target: str) -> str:
    """A path inside docs/ as the site has it."""
    return LIST if target == "index.md" else re.sub(r"(tutorials/\w+)\.ipynb$", r"\1.md", target)


def change_links(text: str, lead: object) -> str:
    """Every relative link of a text through `lead`; those that it returns None for become plain text."""

    def change(found: re.Match[str]) -> str:
        target = found[2]
        if re.match(r"\w+:", target):
            return found[0]
        new = lead(target)  # type: ignore[operator]
        return f"{found[1]}{new}{found[3] or ''}{found[4]}" if new else "](#)"

    changed = LINK.sub(change, text)
    return re.sub(r"\[([^\]]*)\]\(#\)", r"\1", changed)


def page_of_notebook(path: Path) -> str:
    """A notebook as Markdown: its texts and code, and a link to the file. Pictures beside it are shown after cells."""
    cells = json.loads(path.read_text())["cells"]
    parts = []
    for place, cell in enumerate(cells):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(change_links(source, on_site_from_tutorials))
        elif source.strip():
            parts.append(f"```python\n{source}\n```")
            picture = f"{path.stem}-{place}.webp"
            if (path.parents[1] / "pictures" / "tutorials" / picture).exists():
                parts.append(f"![what the cell shows](../pictures/tutorials/{picture})")
        if place == 0:
            parts.append(f"*This page is a notebook: [{path.name}]({path.name}) runs it.*")
    return "\n\n".join(parts) + "\n"


def on_site_from_tutorials(target: str) -> str:
    """A link of a notebook, which lies in docs/tutorials/."""
    return target.replace("../index.md", f"../{LIST}")
