"""`export`: a run for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from imagewright.errors import UserError, nearest_name
from imagewright.exports.diffusers import export_diffusers
from imagewright.exports.names import ExportKind, check_name
from imagewright.exports.onnx_graphs import export_onnx
from imagewright.exports.results import Exported
from imagewright.exports.weights import export_published, export_safetensors
from imagewright.progress import Progress
from imagewright.verbs.apply import RunLike, resolve_model

KINDS: tuple[str, ...] = get_args(ExportKind)


def export(
    run: RunLike,
    to: ExportKind,
    out: str | Path,
    *,
    verbs: Sequence[str] = (),
    title: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write what a run has learned for other programs.

    run: a run, its directory, a weights file or a model; a model in a latent space or truncated, as `load` gives it, is
        exported as it is to "onnx" and "html".
    to: "onnx": a graph for each verb, in a folder, checked against torch. "safetensors": all weights as one file that
        `load` opens. "published": the weights under the names of the system's own code. "diffusers": a folder in that
        layout. "html": one page that makes pictures in a browser, without a network.
    out: the file or the folder.
    verbs: for "onnx", the verbs to export; by default all that can be.
    title: for "html", the heading of the page; by default the name of the run.
    force: replace what is there.
    progress: called with (done, total).

    Nothing is half written. Raises `UserError` for what the model cannot be exported to, with the reason, and
    `RunError` if something is at `out`.
    """
    if to not in KINDS:
        raise UserError(f"There is no export to {to!r}.{nearest_name(to, KINDS)} Expected one of {', '.join(KINDS)}.")
    if verbs and to != "onnx":
        raise UserError(f"verbs={', '.join(verbs)} are of an export to onnx: leave them out for {to}.")
    if title is not None and to != "html":
        raise UserError(f"title={title!r} is of a page: leave it out for {to}.")
    out = Path(out)
    check_name(to, out)
    if to == "html":
        from imagewright.exports.page import export_page

        return export_page(run, resolve_model(run), out, title=title, force=force, progress=progress)
    model = resolve_model(run)
    if to == "onnx":
        return export_onnx(model, out, verbs=verbs, force=force, progress=progress)
    if to == "safetensors":
        return export_safetensors(model, out, force=force)
    if to == "published":
        return export_published(model, out, force=force)
    return export_diffusers(model, out, force=force)
