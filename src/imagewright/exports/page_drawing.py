"""What a page offers, of a model that translates: domains, styles, attributes, and the colours of its sheet.

Shape letters: D domains, S styles, Z numbers of a flattened style.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from imagewright.errors import UserError
from imagewright.exports.graphs import VerbGraph
from imagewright.exports.page_facts import PageFacts
from imagewright.images.palettes import common_colours
from imagewright.pixels import label_colours, to_uint8
from imagewright.runs.run import Run
from imagewright.seeds import derive_seed
from imagewright.verbs.training_inputs import training_inputs
from imagewright.verbs.translation_abilities import TranslationAbilities, translation_abilities

STYLES = 8
PLAIN = np.array([[255, 255, 255], [0, 0, 0]], np.uint8)


def drawing_facts(model: Any, run: Run | None, graphs: list[VerbGraph]) -> PageFacts:
    """Collect them. Raises `UserError` for a model whose styles are those of reference pictures alone."""
    abilities = translation_abilities(model)
    if abilities.needs_style and not abilities.sampled_styles:
        raise UserError(
            "Its styles come from reference pictures alone, which a page does not read. Export it to onnx, or draw in "
            "the studio."
        )
    domains = [str(graph.facts.get("domain") or graph.name) for graph in graphs]
    if len(graphs) == 1 and "domains" in graphs[0].facts:
        domains = list(graphs[0].facts["domains"])
    palette, ground = _palette(abilities, model, run)
    facts: dict[str, Any] = {
        "domains": domains,
        "labelled": abilities.classes is not None,
        "channels": abilities.channels or 1,
        "palette": palette.tolist(),
        "ground": ground,
        "paired": abilities.paired,
        "attributes": list(graphs[-1].facts.get("attribute_names", [])),
        "input": next(iter(graphs[0].inputs)),
        "styled": "style" in graphs[0].inputs,
    }
    found = PageFacts(facts, {})
    if facts["styled"]:
        found.tensors["styles"] = _styles(model, len(domains))
        facts["style_shape"] = list(graphs[0].inputs["style"].shape[1:])
    return found


def _styles(model: Any, domains: int) -> torch.Tensor:
    """(D, S, Z): the styles that `translate` samples with seed 0."""
    rows = []
    for domain in range(max(1, domains)):
        number = domain if model.domains else None
        generators = (torch.Generator().manual_seed(derive_seed(0, "style", index)) for index in range(STYLES))
        with torch.inference_mode():
            rows.append(torch.cat([model.sample_styles(1, number, each) for each in generators]).flatten(1).cpu())
    return torch.stack(rows).float()


def _palette(abilities: TranslationAbilities, model: Any, run: Run | None) -> tuple[np.ndarray, int]:
    """A colour a class, or the common colours of the inputs of the training; and the one of a blank sheet."""
    inputs = training_inputs(model, run).pictures if run is not None else []
    if abilities.classes is not None:
        colours = to_uint8(label_colours(torch.arange(abilities.classes).view(1, 1, -1)))
        palette = colours[0, :, 0].T.contiguous().numpy()
        if not inputs:
            return palette, 0
        classes = np.concatenate([each.flatten().numpy() for each in inputs])
        return palette, int(np.bincount(classes, minlength=1)[: len(palette)].argmax())
    if not inputs:
        return PLAIN, 0
    found = common_colours([each.permute(1, 2, 0).numpy() for each in inputs])
    return (found if len(found) > 1 else np.concatenate([found, 255 - found])), 0
