"""Export as one HTML file that makes pictures in a browser, without a network.

The file holds the graphs, the latents of the package's seeds, and onnxruntime-web, all compressed. Its own policy (CSP)
forbids every request.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from imagewright import catalogue
from imagewright.capabilities import verbs_of
from imagewright.errors import UserError
from imagewright.exports.graphs import NoGraphError, VerbGraph, list_graphs
from imagewright.exports.page_drawing import drawing_facts
from imagewright.exports.page_facts import PageFacts, latent_facts
from imagewright.exports.page_graphs import trace_for_page
from imagewright.exports.records import export_record, run_of
from imagewright.exports.results import Exported, size_in_words
from imagewright.exports.runtime import BINARY, MODULE, PACKAGE, open_runtime
from imagewright.exports.tracing import check_packages
from imagewright.latent import store
from imagewright.model import Model
from imagewright.output.provenance import ENHANCED, GENERATED, to_xmp
from imagewright.output.writing import new_file, refuse_existing
from imagewright.progress import Progress
from imagewright.runs.provenance import run_record
from imagewright.verbs.apply import RunLike

SCRIPTS = ("engine.js", "png.js", "elements.js", "latents.js", "maker.js", "raster.js", "drawing.js", "main.js")
SETTINGS = "@@SETTINGS@@"  # in the record of a saved picture; the page puts in what it was made with
MIME = 'type="text/plain"'


def export_page(
    run: RunLike, model: Model, out: Path, *, title: str | None, force: bool, progress: Progress | None = None
) -> Exported:
    """Write the page. Raises `UserError` for a model that neither decodes nor translates, or cannot be a graph.

    run: as it was given, where saved directions are looked for.
    title: the heading; the run's name by default.
    """
    check_packages()
    refuse_existing([out], force=force)
    tell = progress or (lambda done, total: None)
    tell(0, 4)
    runtime = open_runtime()
    tell(1, 4)
    directory = store.resolve_run(run) or run_of(model)
    graphs, found, kind = _contents(model, directory)
    tell(2, 4)
    record = export_record(model)
    parts: dict[str, bytes] = {"module": runtime[MODULE.name], "binary": runtime[BINARY.name]}
    halved = True
    for number, graph in enumerate(graphs):
        content, is_half = trace_for_page(graph, model, record)
        parts[f"graph-{number}"], halved = content, halved and is_half
    parts |= {name: each.contiguous().numpy().astype("<f4").tobytes() for name, each in found.tensors.items()}
    tell(3, 4)
    name = title or str(record["run"] or record["model"])
    facts = {
        **found.facts,
        "kind": kind,
        "title": name,
        "model": record["model"],
        "about": catalogue.entry_of(record["model"]).summary,
        "images_seen": record["images_seen"],
        "height": model.config.size[0],
        "width": model.config.size[1],
        "graphs": len(graphs),
        "tensors": {key: list(each.shape) for key, each in found.tensors.items()},
        "packet": _packet(model, kind),
        "runtime": f"{PACKAGE.name} {PACKAGE.version}",
        "licence": record["licence"],
    }
    page = build_page(name, facts, parts)
    with new_file(out, force=force) as file:
        file.write(page.encode())
    tell(4, 4)
    notes = [
        f"{size_in_words(len(page))}, of which {size_in_words(_packed(runtime))} are {PACKAGE.name} {PACKAGE.version} "
        "(MIT licence). The page asks nothing of any network.",
        *([] if halved else ["The weights are in full precision: in half precision the pictures would differ."]),
        *found.notes,
    ]
    return Exported("html", out, (out,), tuple(notes))


def _contents(model: Model, directory: Any) -> tuple[list[VerbGraph], PageFacts, str]:
    """The graphs of the page, what it offers, and whether it makes pictures ("decode") or translates them."""
    name, verbs = catalogue.name_of(model), verbs_of(model)
    graphs, refused = list_graphs(model)
    for verb, collect in (("decode", None), ("translate", drawing_facts)):
        if verb not in verbs:
            continue
        chosen = [each for each in graphs if each.verb == verb]
        if not chosen:
            raise NoGraphError(f"{verb} of {name} cannot be a graph: {refused.get(verb, 'it needs other inputs')}")
        with torch.inference_mode():
            found = latent_facts(model, directory) if collect is None else collect(model, directory, chosen)
        return chosen, found, verb
    raise UserError(f"{name} makes no pictures: it can {', '.join(verbs)}. A page needs decode or translate.")


def _packet(model: Model, kind: str) -> str:
    """The XMP packet of a saved picture, with a place for its settings."""
    verb, source_type = ("sample", GENERATED) if kind == "decode" else ("translate", ENHANCED)
    record = run_record(verb, model, settings={"page": SETTINGS}, source_type=source_type)
    return to_xmp(record).decode()


def build_page(title: str, facts: Mapping[str, Any], parts: Mapping[str, bytes]) -> str:
    """The page as text.

    facts: JSON values that the scripts read.
    parts: binary parts by name, which are compressed.
    """
    web = files("imagewright.exports") / "web"
    texts = {name: (web / name).read_text("utf-8") for name in ("page.html", "page.css", "licence.txt", *SCRIPTS)}
    embedded = [f'<script {MIME} id="part-{name}">{_pack(content)}</script>' for name, content in parts.items()]
    known = json.dumps(dict(facts), ensure_ascii=True).replace("<", "\\u003c")
    filled = {
        "title": html.escape(title),
        "style": texts["page.css"],
        "licence": texts["licence.txt"],
        "facts": known,
        "parts": "\n".join(embedded),
        "script": "\n".join(texts[name] for name in SCRIPTS),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: filled[found[1]], texts["page.html"])


def _pack(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def _packed(runtime: Mapping[str, bytes]) -> int:
    return sum(len(_pack(content)) for content in runtime.values())
