"""The graphs of a model: each verb as a function of tensors, with named inputs, their ranges, and an example.

Shape letters: N batch, C H W image, K classes, A attributes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from imagewright.capabilities import LatentPart, Target, latent_parts_of, verbs_of
from imagewright.errors import UserError, one_line
from imagewright.model import Model
from imagewright.runs.loading import AbsentNetworkError
from imagewright.seeds import derive_seed
from imagewright.translation_capabilities import has_styles, needs_style
from imagewright.verbs.translation_inputs import source_channels

PICTURES = "float32 (N, C, H, W) from -1 to 1"
EXAMPLES = 5  # rows of an example: of one or two, other sizes in a network may be taken for the batch's


class NoGraphError(UserError):
    """A verb of a model that cannot be a graph, and why."""


@dataclass(frozen=True)
class VerbGraph:
    """A verb as a function of tensors.

    Attributes:
        name: of the graph's file, such as "decode" or "translate-to-horse".
        verb: of the model.
        function: from the tensors of `inputs`, in their order, to one tensor.
        inputs: an example of each, by name; `EXAMPLES` rows.
        output: the name of the result.
        ranges: what the numbers of each input and of the output are.
        resizable: whether height and width of images may be others than those of training.
        facts: more for the metadata, such as the domain.
    """

    name: str
    verb: str
    function: Callable[..., Tensor]
    inputs: dict[str, Tensor]
    output: str
    ranges: dict[str, str]
    resizable: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def makes_images(self) -> bool:
        """Whether the result is pictures."""
        return self.output == "images"


def list_graphs(model: Model) -> tuple[list[VerbGraph], dict[str, str]]:
    """The graphs of a model's verbs, and {verb: why it is none} of the verbs that are none."""
    makers: dict[str, Callable[[Any], Iterator[VerbGraph]]] = {
        "sample": _sample,
        "decode": _decode,
        "encode": _encode,
        "reconstruct": _reconstruct,
        "score": _score,
        "classify": _classify,
        "translate": _translate,
    }
    graphs: list[VerbGraph] = []
    refused: dict[str, str] = {}
    for verb in (each for each in makers if each in verbs_of(model)):
        try:
            with torch.inference_mode():
                graphs += list(makers[verb](model))
        except UserError as error:
            refused[verb] = one_line(error)
    return graphs, refused


def example_images(model: Any, channels: int | None = None) -> Tensor:
    """Pictures of the size of training, (5, C, H, W) in [-1, 1], the same each time."""
    shape = (EXAMPLES, channels or model.config.channels, *model.config.size)
    return torch.rand(shape, generator=_generator("images")) * 2 - 1


def _generator(name: str) -> torch.Generator:
    return torch.Generator().manual_seed(derive_seed(0, "example", name))


def example_latents(model: Any) -> Tensor:
    """Latents (5, *latent_shape): sampled ones, of a model that samples."""
    if "sample" in verbs_of(model):
        latents: Tensor = model.sample_latents(EXAMPLES, _generator("latents"))
        return latents.clone()
    if "encode" in verbs_of(model):
        encoded: Tensor = model.encode(example_images(model).to(model.device)).cpu()
        return encoded.clone()
    return torch.randn(EXAMPLES, *model.latent_shape, generator=_generator("latents"))


def _decode(model: Any) -> Iterator[VerbGraph]:
    latents = example_latents(model)
    shape = ", ".join(map(str, latents.shape[1:]))
    parts = "; ".join(f"{part.name} ({_range_of(part)}) from {part.start} to {part.stop}" for part in _parts(model))
    ranges = {"latents": f"float32 (N, {shape}): {parts}", "images": PICTURES}
    yield VerbGraph("decode", "decode", model.decode, {"latents": latents}, "images", ranges)


def _parts(model: Any) -> tuple[LatentPart, ...]:
    return latent_parts_of(model)


def _range_of(part: LatentPart) -> str:
    kinds = {
        "normal": "any numbers, distributed as a standard normal",
        "uniform": "from -1 to 1",
        "category": "one-hot",
        "attributes": "each from 0 to 1",
    }
    return kinds[part.kind]


def _sample(model: Any) -> Iterator[VerbGraph]:
    """Of latents with several parts, each part as an input of its own; others are the inputs of `decode`."""
    parts = _parts(model)
    if len(parts) == 1:
        return
    latents = example_latents(model).flatten(1)
    inputs: dict[str, Tensor] = {}
    ranges: dict[str, str] = {"images": PICTURES}
    for part in parts:
        numbers = latents[:, part.places]
        if part.kind == "category":
            inputs[part.name] = numbers.argmax(1)
            ranges[part.name] = f"int64 (N,), the number of a class, from 0 to {part.stop - part.start - 1}"
        else:
            inputs[part.name] = numbers.clone()
            ranges[part.name] = f"float32 (N, {part.stop - part.start}): {_range_of(part)}"

    def sample(*given: Tensor) -> Tensor:
        columns = [
            one_hot(each, part.stop - part.start).float() if part.kind == "category" else each
            for each, part in zip(given, parts, strict=True)
        ]
        made: Tensor = model.decode(torch.cat(columns, 1).unflatten(1, tuple(model.latent_shape)))
        return made

    if sum(part.stop - part.start for part in parts) != math.prod(model.latent_shape):
        raise NoGraphError("its latents have numbers that are in none of their named parts.")
    yield VerbGraph("sample", "sample", sample, inputs, "images", ranges, facts=_class_facts(model))


def _class_facts(model: Any) -> dict[str, Any]:
    return {name: list(getattr(model, name)) for name in ("class_names", "attribute_names") if getattr(model, name, ())}


def _encode(model: Any) -> Iterator[VerbGraph]:
    ranges = {"images": PICTURES, "latents": "float32 (N, ...), the latents that decode takes"}
    yield VerbGraph("encode", "encode", model.encode, {"images": example_images(model)}, "latents", ranges)


def _reconstruct(model: Any) -> Iterator[VerbGraph]:
    def reconstruct(images: Tensor) -> Tensor:
        made: Tensor = model.decode(model.encode(images))
        return made

    ranges = {"given_images": PICTURES, "images": PICTURES}
    yield VerbGraph(
        "reconstruct", "reconstruct", reconstruct, {"given_images": example_images(model)}, "images", ranges
    )


def _score(model: Any) -> Iterator[VerbGraph]:
    generator = _generator("score")
    before = generator.get_state()
    images = example_images(model)
    model.score(images.to(model.device), generator, 1)
    if not torch.equal(before, generator.get_state()):
        raise NoGraphError("its score is an estimate from random numbers, and a graph has none.")

    def score(images: Tensor) -> Tensor:
        made: Tensor = model.score(images, torch.Generator(), 1)
        return made

    ranges = {"images": PICTURES, "scores": f"float32 (N,), {model.score_unit}; higher is better explained"}
    yield VerbGraph("score", "score", score, {"images": images}, "scores", ranges)


def _classify(model: Any) -> Iterator[VerbGraph]:
    ranges = {
        "images": PICTURES,
        "log_probabilities": "float32 (N, K), log-probabilities of the classes, in the order of class_names",
    }
    inputs = {"images": example_images(model)}
    yield VerbGraph(
        "classify", "classify", model.classify, inputs, "log_probabilities", ranges, facts=_class_facts(model)
    )


# Translation


def _translate(model: Any) -> Iterator[VerbGraph]:
    """A graph for each domain; one for all, of a model that takes the domain from the style alone."""
    domains: list[int | None] = [*range(len(model.domains))]
    if getattr(model, "attribute_names", ()) or not domains:
        domains.append(None)
    made, faults = [], []
    for domain in domains:
        try:
            graph = _translation(model, domain)
            graph.function(*graph.inputs.values())  # raises if it needs a network that is absent
            made.append(graph)
        except AbsentNetworkError as error:
            faults.append(error)
    if not made:
        raise faults[0]
    if len(made) > 1 and _are_equal(made):
        made = [VerbGraph(**{**vars(made[0]), "name": "translate", "facts": {"domains": list(model.domains)}})]
    yield from made


def _are_equal(graphs: list[VerbGraph]) -> bool:
    """Whether all graphs give the same for the same inputs."""
    first = graphs[0].inputs
    if any(each.inputs.keys() != first.keys() for each in graphs):
        return False
    results = [each.function(*first.values()) for each in graphs]
    return all(torch.equal(results[0], each) for each in results[1:])


def _translation(model: Any, domain: int | None) -> VerbGraph:
    inputs, ranges = _source_of(model)
    styled = has_styles(model) and needs_style(model)
    if styled:
        inputs["style"] = _example_style(model, domain)
        shape = ", ".join(map(str, inputs["style"].shape[1:]))
        ranges["style"] = f"float32 (N, {shape}), a style of the domain"
    attributes = tuple(getattr(model, "attribute_names", ())) if domain is None else ()
    if attributes:
        inputs["attributes"] = torch.rand(EXAMPLES, len(attributes), generator=_generator("attributes"))
        ranges["attributes"] = f"float32 (N, {len(attributes)}), each from 0 to 1, in the order of attribute_names"
    labelled = "labels" in inputs

    def translate(source: Tensor, *given: Tensor) -> Tensor:
        rest = list(given)
        images = source.float() / 127.5 - 1 if labelled else source
        style = rest.pop(0) if styled else None
        target = Target(domain=domain, style=style, attributes=rest.pop(0) if attributes else None)
        made: Tensor = model.translate(images, target)
        return made

    name = "translate"
    if domain is not None and len(model.domains) > 1:
        name = f"translate-to-{_file_name(model.domains[domain], domain)}"
    if domain is None and attributes and model.domains:
        name = "translate-attributes"
    facts: dict[str, Any] = {} if domain is None else {"domain": model.domains[domain]}
    facts |= {"attribute_names": list(attributes)} if attributes else {}
    return VerbGraph(name, "translate", translate, inputs, "images", ranges, resizable=True, facts=facts)


def _source_of(model: Any) -> tuple[dict[str, Tensor], dict[str, str]]:
    channels = source_channels(model)
    ranges = {"images": PICTURES}
    if channels is not None:
        ranges["given_images"] = f"float32 (N, {channels}, H, W) from -1 to 1"
        return {"given_images": example_images(model, channels)}, ranges
    if "ids" in model.config.layer_kinds.values():
        raise NoGraphError(
            "it takes a map of instances beside the labels, whose edges are computed outside the network."
        )
    count = model.config.layer_channels[model.config.input_layers[0]]
    ranges["labels"] = f"int64 (N, 1, H, W), the number of a class for each pixel, from 0 to {count - 1}"
    shape = (EXAMPLES, 1, *model.config.size)
    return {"labels": torch.randint(count, shape, generator=_generator("labels"))}, ranges


def _example_style(model: Any, domain: int | None) -> Tensor:
    try:
        styles: Tensor = model.sample_styles(EXAMPLES, domain, _generator("style"))
    except UserError:  # styles of references alone
        styles = torch.randn(EXAMPLES, *model.style_shape, generator=_generator("style"))
    return styles.clone().cpu()


def _file_name(name: str, number: int) -> str:
    """The name of a domain as a part of a file name; its number if nothing is left of it."""
    return "".join(each if each.isalnum() or each in "-_" else "-" for each in name).strip("-")[:40] or str(number)
