"""R3GAN as its authors' code saves it: a pickle of whole networks, of which the tensors are read and nothing is run.

brownvc/R3GAN: a dictionary of `G`, `D`, `G_ema`, with the state of the training beside them. All options follow from
shapes but the names of the classes, which are numbered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from imagewright.checkpoints.adapter import Adapter, Network, Shapes, State, count_numbered, wrong_network
from imagewright.checkpoints.containers import one_of_each, state_dicts
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.penalties import squared_gradient
from imagewright.models.adversarial import r3gan

EXPECTED = (
    "R3GAN: Model.MainLayers.0.Layers.0.Basis, Model.AggregationLayer.Layer.weight ... (generator), "
    "Model.ExtractionLayer.Layer.weight ... (discriminator)"
)
BLOCK = r"Model\.MainLayers\.{stage}\.Layers\.(\d+)\.LinearLayer1\.Layer\.weight"
GENERATOR_BASIS = "Model.MainLayers.0.Layers.0.Basis"
KERNELS = ("*.Resampler.Kernel",)  # constants
# Parts of our names, and of the published ones.
PARTS = (
    (r"^to_image\.weight$", "Model.AggregationLayer.Layer.weight"),
    (r"^from_image\.weight$", "Model.ExtractionLayer.Layer.weight"),
    (r"^embedding\.weight$", "Model.EmbeddingLayer.weight"),
    (r"^stages\.(\d+)\.(\d+)\.", r"Model.MainLayers.\1.Layers.\2."),
    (r"\.expand\.weight$", ".LinearLayer1.Layer.weight"),
    (r"\.mix\.weight$", ".LinearLayer2.Layer.weight"),
    (r"\.project\.weight$", ".LinearLayer3.Layer.weight"),
    (r"\.expand\.bias$", ".NonLinearity1.Bias"),
    (r"\.mix\.bias$", ".NonLinearity2.Bias"),
    (r"\.change\.weight$", ".LinearLayer.Layer.weight"),
    (r"\.linear\.weight$", ".LinearLayer.weight"),
    (r"\.kernel$", ".Resampler.Kernel"),
)


def which(state: State) -> str | None:
    """The network that a state dict is of."""
    if "Model.AggregationLayer.Layer.weight" in state:
        return "generator"
    return "discriminator" if "Model.ExtractionLayer.Layer.weight" in state else None


def split(held: Any) -> dict[str, State]:
    """The networks in a file: the averaged generator if there is one."""
    states = state_dicts(held)
    if len(states) == 1 and all(name.startswith(("G.", "D.")) for name in next(iter(states.values()))):
        return {"losses": next(iter(states.values()))}
    return one_of_each(states, which, EXPECTED)


def generator_names(names: Iterable[str]) -> dict[str, str]:
    """{published: ours}."""
    return {_published(name).replace(".basis", ".Basis"): name for name in names}


def discriminator_names(names: Iterable[str]) -> dict[str, str]:
    """{published: ours}."""
    return {_published(name).replace(".basis", ".Basis.weight"): name for name in names}


def _published(name: str) -> str:
    for ours, published in PARTS:
        name = re.sub(ours, published, name)
    return name


def both_names(names: Iterable[str]) -> dict[str, str]:
    """{published: ours} of both networks, under G. and D."""
    parts = {"generator.": ("G.", generator_names), "discriminator.": ("D.", discriminator_names)}
    found: dict[str, str] = {}
    for ours, (prefix, rename) in parts.items():
        own = [name.removeprefix(ours) for name in names if name.startswith(ours)]
        found |= {prefix + published: ours + name for published, name in rename(own).items()}
    return found


def generator_options(shapes: Shapes) -> dict[str, Any]:
    """Size, channels, stages, latents and classes."""
    if GENERATOR_BASIS not in shapes or "Model.AggregationLayer.Layer.weight" not in shapes:
        raise wrong_network("generator", EXPECTED, shapes)
    count = count_numbered(shapes, r"Model\.MainLayers\.#\..*")
    inputs = shapes["Model.MainLayers.0.Layers.0.LinearLayer.weight"][1]
    found = _stages(shapes, list(range(count)), shapes[GENERATOR_BASIS][1:])
    found["channels"] = shapes["Model.AggregationLayer.Layer.weight"][0]
    if "Model.EmbeddingLayer.weight" in shapes:
        size, classes = shapes["Model.EmbeddingLayer.weight"]
        found |= _classes(classes) | {"embedding": size}
        inputs -= size
    return found | {"latent_dim": inputs}


def discriminator_options(shapes: Shapes) -> dict[str, Any]:
    """Size, channels, stages and classes."""
    if "Model.ExtractionLayer.Layer.weight" not in shapes:
        raise wrong_network("discriminator", EXPECTED, shapes)
    count = count_numbered(shapes, r"Model\.MainLayers\.#\..*")
    (basis,) = (shape for name, shape in shapes.items() if name.endswith(".Basis.weight"))
    found = _stages(shapes, list(range(count))[::-1], basis[2:])
    found["channels"] = shapes["Model.ExtractionLayer.Layer.weight"][1]
    if "Model.EmbeddingLayer.weight" in shapes:
        size, classes = shapes["Model.EmbeddingLayer.weight"]
        found |= _classes(classes) | {"discriminator_embedding": size}
    return found


def both_options(shapes: Shapes) -> dict[str, Any]:
    """Those of both networks."""
    parts = ({n.removeprefix(p): s for n, s in shapes.items() if n.startswith(p)} for p in ("G.", "D."))
    generator, discriminator = parts
    return discriminator_options(discriminator) | generator_options(generator)


def _stages(shapes: Shapes, order: list[int], start: tuple[int, ...]) -> dict[str, Any]:
    """Size and stages; `order`: the published stages from the smallest maps on.

    Widths, groups and blocks are listed by stage only where one number for all of them does not tell them.
    """
    widths, groups, blocks, expansion = [], [], [], 1
    for stage in order:
        places = [match[1] for name in shapes if (match := re.fullmatch(BLOCK.format(stage=stage), name))]
        first = f"Model.MainLayers.{stage}.Layers.{places[0]}"
        inner, width = shapes[f"{first}.LinearLayer1.Layer.weight"][:2]
        widths.append(width)
        groups.append(inner // shapes[f"{first}.LinearLayer2.Layer.weight"][1])
        blocks.append(len(places))
        expansion = inner // width
    doublings = len(order) - 1
    found = {"size": (start[0] << doublings, start[1] << doublings), "expansion": expansion}
    regular = r3gan.regular_widths(widths[0], r3gan.FULL_WIDTH, [min(start) << place for place in range(len(order))])
    found |= {"width": widths[0]} if widths == regular else {"stage_widths": _listed(widths)}
    sizes = {width * expansion / count for width, count in zip(widths, groups, strict=True)}
    found |= {"group_width": int(max(sizes))} if len(sizes) == 1 else {"stage_groups": _listed(groups)}
    return found | ({"blocks": blocks[0]} if len(set(blocks)) == 1 else {"stage_blocks": _listed(blocks)})


def _listed(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))


def _classes(count: int) -> dict[str, Any]:
    return {"condition": "labels", "class_names": tuple(f"class_{place}" for place in range(count))}


def generate(network: nn.Module, z: Tensor, label: Tensor | None = None) -> Tensor:
    """z (N, Z) from N(0, 1) and one-hot labels (N, K) to images (N, C, H, W)."""
    images: Tensor = network(z, label)
    return images


def judge(network: nn.Module, image: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
    """Images (N, C, H, W) and one-hot labels (N, K) to `logits` (N,) and `r1_penalty` (N,), the squared gradient."""
    with torch.enable_grad():
        penalty = squared_gradient(lambda images: network(images, label), image)
    return {"logits": network(image, label), "r1_penalty": penalty.detach()}


def both_losses(model: nn.Module, z: Tensor, real: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
    """The losses (N,) of both networks of an `R3GAN`, their logits, penalties, and gradients of two weights."""
    assert isinstance(model, r3gan.R3GAN)
    loss = ADVERSARIAL["relativistic"]
    with torch.enable_grad():
        made = model.generator(z, label)
        fake_logits, real_logits = model.discriminator(made, label), model.discriminator(real, label)
        rows = [loss.generator(*pair)["adversarial"] for pair in zip(fake_logits, real_logits, strict=True)]
        generator_loss = torch.stack(rows)
        last, first = model.generator.to_image.weight, model.discriminator.from_image.weight
        assert isinstance(last, Tensor)
        assert isinstance(first, Tensor)
        (generator_gradient,) = torch.autograd.grad(generator_loss.mean(), last)
        r1, r2 = (
            squared_gradient(lambda images: model.discriminator(images, label), images) for images in (real, made)
        )
        fake_logits = model.discriminator(made.detach(), label)
        real_logits = model.discriminator(real, label)
        rows = [loss.discriminator(*pair)["relative"] for pair in zip(real_logits, fake_logits, strict=True)]
        discriminator_loss = torch.stack(rows)
        whole = (discriminator_loss + model.config.first_gamma / 2 * (r1 + r2)).mean()
        (discriminator_gradient,) = torch.autograd.grad(whole, first)
    found = {
        "generator_loss": generator_loss,
        "generator_logits": fake_logits - real_logits,
        "generator_gradient": generator_gradient,
        "discriminator_loss": discriminator_loss,
        "discriminator_logits": real_logits - fake_logits,
        "r1": r1,
        "r2": r2,
        "discriminator_gradient": discriminator_gradient,
    }
    return {name: tensor.detach() for name, tensor in found.items()}


R3GAN = Adapter(
    networks={
        "generator": Network(
            build=r3gan.build_generator,
            options=generator_options,
            names=generator_names,
            forward=generate,
            optional=KERNELS,
        ),
        "discriminator": Network(
            build=r3gan.build_discriminator,
            options=discriminator_options,
            names=discriminator_names,
            forward=judge,
            optional=KERNELS,
        ),
        "losses": Network(
            build=r3gan.R3GAN,
            options=both_options,
            names=both_names,
            forward=both_losses,
            optional=(*KERNELS, "gamma", "probability", "conditions.*"),
        ),
    },
    split=split,
    licence="none stated; the repository bundles code under NVIDIA's licences: research and evaluation only",
)
