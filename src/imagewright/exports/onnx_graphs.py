"""Export as ONNX: a file for each verb, in a folder; or one verb as one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imagewright import catalogue
from imagewright.errors import UserError, nearest_name
from imagewright.exports.graphs import NoGraphError, VerbGraph, list_graphs
from imagewright.exports.names import SUFFIXES
from imagewright.exports.records import export_record
from imagewright.exports.results import Exported, listed
from imagewright.exports.tracing import BATCHES, TOLERANCE, Traced, check_packages, trace
from imagewright.files import written_together
from imagewright.model import Model
from imagewright.output.writing import new_file, refuse_existing
from imagewright.progress import Progress

SUFFIX = SUFFIXES["onnx"]


def export_onnx(
    model: Model, out: Path, *, verbs: Sequence[str], force: bool, progress: Progress | None = None
) -> Exported:
    """Write the graphs of a model's verbs, each checked against torch.

    out: a folder; or a file that ends in .onnx, for one graph.
    verbs: those to export; by default all that can be. A name of a graph, such as "translate-to-horse", is taken too.
    progress: called with the graphs that are done, and their number.

    Raises `UserError` if a verb that was named cannot be exported, or none can; nothing is written then.
    """
    check_packages()
    graphs, refused = list_graphs(model)
    chosen = _chosen(model, graphs, refused, verbs)
    if out.suffix == SUFFIX and len(chosen) > 1:
        raise UserError(
            f"{out} is one file, and there are {len(chosen)} graphs: {listed([each.name for each in chosen])}. "
            "Choose one by --verbs (verbs=), or name a folder."
        )
    paths = {each.name: out if out.suffix == SUFFIX else out / f"{each.name}{SUFFIX}" for each in chosen}
    refuse_existing(list(paths.values()), force=force)
    record, traced = export_record(model), []
    for number, graph in enumerate(chosen):
        if progress is not None:
            progress(number, len(chosen))
        try:
            traced.append(trace(graph, model, record))
        except NoGraphError as error:
            if verbs:
                raise NoGraphError(f"{graph.name} of {catalogue.name_of(model)} cannot be a graph: {error}") from error
            refused[graph.name] = str(error)
    if not traced:
        raise NoGraphError(f"No verb of {catalogue.name_of(model)} can be a graph. {_refusals(refused)[0]}")
    with written_together():
        for each in traced:
            with new_file(paths[each.graph.name], force=force) as file:
                file.write(each.content)
    if progress is not None:
        progress(len(chosen), len(chosen))
    written = tuple(paths[each.graph.name] for each in traced)
    left_out = _refusals(refused) if not verbs else []
    return Exported("onnx", out, written, (*_checked(traced), *left_out))


def _chosen(model: Model, graphs: list[VerbGraph], refused: dict[str, str], verbs: Sequence[str]) -> list[VerbGraph]:
    if not verbs:
        if not graphs:
            why = _refusals(refused) or [f"{catalogue.name_of(model)} has no verbs."]
            raise NoGraphError(f"Nothing can be exported. {why[0]}")
        return graphs
    known = [*dict.fromkeys(name for each in graphs for name in (each.verb, each.name))]
    for verb in verbs:
        if verb in refused:
            raise NoGraphError(f"{verb} of {catalogue.name_of(model)} cannot be a graph: {refused[verb]}")
        if verb == "sample" and "decode" in known and verb not in known:
            raise UserError(
                f"sample of {catalogue.name_of(model)} is decode: its latents have one part, whose numbers are "
                "standard normal or from the fitted density. Export decode."
            )
        if verb not in known:
            raise UserError(
                f"{catalogue.name_of(model)} has no graph {verb!r}.{nearest_name(verb, known)} It has {listed(known)}."
            )
    return [each for each in graphs if each.verb in verbs or each.name in verbs]


def _checked(traced: Sequence[Traced]) -> list[str]:
    largest = max(each.difference for each in traced)
    sentences = [
        f"Compared with torch in batches of {listed([*map(str, BATCHES)])}: the largest difference is {largest:.1g}, "
        f"and {TOLERANCE:g} is allowed."
    ]
    fixed = [each.graph.name for each in traced if each.graph.resizable and not each.resizable]
    if fixed:
        sentences.append(f"{listed(fixed)}: pictures of the size of training alone.")
    return sentences


def _refusals(refused: dict[str, str]) -> list[str]:
    return [f"Left out: {name}, because {reason[0].lower() + reason[1:]}" for name, reason in refused.items()]
