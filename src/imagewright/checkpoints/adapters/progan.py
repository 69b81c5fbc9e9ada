"""ProGAN: `.pth` files in the names of genforce, and the authors' TensorFlow pickles.

The published networks were exported from the first, Theano version: without fused layers, and with a minibatch
deviation over groups of 16. These are the options of a file that does not tell others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from imagewright.checkpoints.adapter import Adapter, Network, Shapes, State, count_numbered, wrong_network
from imagewright.checkpoints.adapters import growing
from imagewright.checkpoints.containers import one_of_each, state_dicts
from imagewright.errors import UserError
from imagewright.layers.growing import GrowingDiscriminator
from imagewright.layers.minibatch_deviation import append_minibatch_deviation
from imagewright.layers.norms import pixel_norm
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.penalties import gradient_penalty
from imagewright.models.adversarial.progan import (
    ProGANConfig,
    ProgressiveGenerator,
    build_discriminator,
    build_generator,
)

GENERATOR_NAMES = (
    (r"images\.level\.lod", "lod"),
    (r"images\.outputs\.(\d+)", r"output\1"),
    (r"layers\.(\d+)", r"layer\1"),
)
EXPECTED = "ProGAN: layer0.weight (C, Z, 4, 4), output0.weight ... (generator), input0.weight, layer0.weight ..."
OLDEST = (
    "It is a pickle of ProGAN's first, Theano version, whose networks are lists of arrays without names. Load the "
    "file of the same network that was exported for TensorFlow, or a .pth in the names of genforce."
)
PUBLISHED_GROUP, NEW_GROUP = 16, 4


def which(state: Mapping[str, Any]) -> str | None:
    """The network that a state dict is of."""
    if "layer0.weight" not in state or any("blur" in name for name in state):
        return None
    if "output0.weight" in state:
        return "generator"
    return "discriminator" if "input0.weight" in state else None


def split(held: Any) -> dict[str, State]:
    """The networks in a file; of a generator and its average, the average."""
    found = one_of_each(growing.networks_in(held, OLDEST), which, EXPECTED)
    return {name: growing.with_lod(state) for name, state in found.items()}


def published_options(held: Any) -> dict[str, Any]:
    """Whether layers are fused, and the group of the minibatch deviation."""
    try:
        names = [name for state in state_dicts(held).values() for name in state]
    except UserError:
        names = []
    fused = any("Conv0_up/" in name or "Conv1_down/" in name for name in names)
    told = growing.static_arguments(held).get("mbstd_group_size")
    group = told if isinstance(told, int) and told > 0 else NEW_GROUP if fused else PUBLISHED_GROUP
    return {"fused": fused, "group": group}


def generator_options(shapes: Shapes) -> dict[str, Any]:
    """Size, channels, widths, `latent_dim`, and whether layers are fused if their shapes differ by it."""
    if which(shapes) != "generator":
        raise wrong_network("generator", EXPECTED, shapes)
    sizes = count_numbered(shapes, r"output#\.weight")
    widths = [shapes[f"output{number}.weight"][1] for number in range(sizes)]
    _, latents, *first_map = shapes["layer0.weight"]
    options = {
        "channels": shapes["output0.weight"][0],
        "latent_dim": latents,
        **growing.options_of_widths(widths, tuple(first_map)),
    }
    for number in range(1, sizes):
        inner, outer = shapes[f"layer{2 * number}.weight"][:2]
        if inner != outer:
            options["fused"] = outer == shapes[f"layer{2 * number}.bias"][0]
    return options


def discriminator_options(shapes: Shapes) -> dict[str, Any]:
    """Size, channels and widths, and the classes if there are any."""
    if which(shapes) != "discriminator":
        raise wrong_network("discriminator", EXPECTED, shapes)
    classes = growing.outputs_of_discriminator(shapes) - 1
    labelled = {"condition": "labels", "class_names": growing.numbered_classes(classes)} if classes else {}
    return growing.discriminator_options(shapes) | labelled


def generator_names(own: Iterable[str]) -> dict[str, str]:
    return growing.renamed(own, GENERATOR_NAMES)


def generate(network: ProgressiveGenerator, z: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
    """z (N, Z) and label (N, K), one-hot, to `image`, and to `image_lod15`, half-way between two sizes below it."""
    latents = z if label is None else torch.cat([z, label.to(z.dtype)], 1)
    results = {"image": network(latents)}
    if len(network.images.outputs) > 2:
        for _ in growing.at_levels(network.images.level, (1.5,)):
            results["image_lod15"] = network(latents)
    return results


def judge(network: GrowingDiscriminator, image: Tensor | None = None, **inputs: Tensor) -> dict[str, Tensor]:
    """image (N, C, H, W) to `logits` and `r1_penalty`, also at other levels; or the terms of the loss.

    inputs: `real` and `fake` images, `mix` in [-1, 1], and `features`, of which the deviation and the norm are shown.
    """
    if image is not None:
        return growing.judge_at_levels(network, image, lambda numbers: numbers, (1.0, 0.5))
    with torch.enable_grad():
        return loss_terms(network, inputs["real"], inputs["fake"], inputs["mix"]) | feature_terms(inputs["features"])


def loss_terms(network: GrowingDiscriminator, real: Tensor, fake: Tensor, mix: Tensor) -> dict[str, Tensor]:
    """The terms of the published loss for each image, and the gradient of their mean for the first convolution."""

    def critic(images: Tensor) -> Tensor:
        return network(images)[:, 0]

    config = ProGANConfig.__dataclass_fields__
    weight = network.get_parameter("layers.0.weight").requires_grad_(True)
    scores = network(real), network(fake)
    penalty = gradient_penalty(critic, real, fake, (1 - mix) / 2)
    per_image = scores[1][:, 0] - scores[0][:, 0] + config["penalty"].default.default * penalty
    per_image = per_image + config["drift"].default.default * scores[0][:, 0].square()
    (gradient,) = torch.autograd.grad(per_image.mean(), weight, retain_graph=True)
    between = (fake + (1 - mix) / 2 * (real - fake)).requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(between).sum(), between)
    return {
        "scores_real": scores[0],
        "scores_fake": scores[1],
        "gradient_norm": slope.flatten(1).norm(dim=1),
        "gradient_penalty": penalty,
        "loss_d": per_image,
        "loss_g": torch.stack([ADVERSARIAL["wasserstein"].generator(each, None)["adversarial"] for each in scores[1]]),
        "loss_d_gradient_layer0": gradient,
    }


def feature_terms(features: Tensor) -> dict[str, Tensor]:
    """The maps that are appended to features, and the pixel norm of these."""
    channels = features.shape[1]
    return {
        "mbstd_group4": append_minibatch_deviation(features, 4)[:, channels:],
        "mbstd_group16": append_minibatch_deviation(features, 16)[:, channels:],
        "mbstd_group4_2channels": append_minibatch_deviation(features, 4, 2)[:, channels:],
        "pixel_norm": pixel_norm(features),
    }


ADAPTER = Adapter(
    networks={
        "generator": Network(
            build=build_generator,
            options=generator_options,
            names=generator_names,
            forward=generate,
            optional=("lod",),
        ),
        "discriminator": Network(
            build=build_discriminator,
            options=discriminator_options,
            names=growing.discriminator_names,
            forward=judge,
            optional=("lod",),
        ),
    },
    split=split,
    options=published_options,
    licence="CC BY-NC 4.0 (Karras et al. 2018; genforce's code is MIT)",
)
