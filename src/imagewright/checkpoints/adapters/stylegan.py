"""StyleGAN: `.pth` files in the names of genforce, and the authors' TensorFlow pickles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from imagewright.checkpoints.adapter import Adapter, Network, Shapes, State, count_numbered, wrong_network
from imagewright.checkpoints.adapters import growing
from imagewright.checkpoints.containers import one_of_each
from imagewright.layers.adaptive_synthesis import AdaptiveStyleGenerator
from imagewright.layers.growing import GrowingDiscriminator
from imagewright.models.adversarial.stylegan import build_discriminator, build_generator

GENERATOR_NAMES = (
    (r"w_average", "truncation.w_avg"),
    (r"mapping\.layers\.(\d+)", r"mapping.dense\1"),
    (r"synthesis\.const", "synthesis.layer0.const"),
    (r"synthesis\.convolutions\.(\d+)", r"synthesis.layer\1"),
    (r"synthesis\.epilogues\.(\d+)\.noise_strength", r"synthesis.layer\1.apply_noise.weight"),
    (r"synthesis\.epilogues\.(\d+)\.noise", r"synthesis.layer\1.apply_noise.noise"),
    (r"synthesis\.epilogues\.(\d+)", r"synthesis.layer\1"),
    (r"synthesis\.images\.outputs\.(\d+)", r"synthesis.output\1"),
    (r"synthesis\.images\.level\.lod", "synthesis.lod"),
)
EXPECTED = "StyleGAN: mapping.dense0.weight, synthesis.layer0.const ... (generator), input0.weight, layer1.blur.kernel"
OLDEST = "It is a pickle of an older version of the authors' code, whose networks are lists of arrays without names."
PUBLISHED_PSI, PUBLISHED_LAYERS = 0.7, 8
LEFT_OUT = ("lod", "synthesis.lod", "*.blur.kernel")  # the last are constants


def which(state: Mapping[str, Any]) -> str | None:
    """The network that a state dict is of."""
    if "synthesis.layer0.const" in state:
        return "generator"
    return "discriminator" if "input0.weight" in state and growing.BLUR in state else None


def split(held: Any) -> dict[str, State]:
    """The networks in a file; of a generator and its average, the average."""
    found = one_of_each(growing.networks_in(held, OLDEST), which, EXPECTED)
    return {name: growing.with_lod(state) for name, state in found.items()}


def generator_options(shapes: Shapes) -> dict[str, Any]:
    """Size, channels, widths, and the sizes of the mapping network; classes if there is a matrix of these."""
    if which(shapes) != "generator":
        raise wrong_network("generator", EXPECTED, shapes)
    sizes = count_numbered(shapes, r"synthesis\.output#\.weight")
    layers = count_numbered(shapes, r"mapping\.dense#\.weight")
    widths = [shapes[f"synthesis.output{number}.weight"][1] for number in range(sizes)]
    width, latents = shapes["mapping.dense0.weight"]
    classes, latents = shapes.get("mapping.label_weight", (0, latents))
    labelled = {"condition": "labels", "class_names": growing.numbered_classes(classes)} if classes else {}
    return {
        "channels": shapes["synthesis.output0.weight"][0],
        "latent_dim": latents,
        "style_dim": shapes[f"mapping.dense{layers - 1}.weight"][0],
        "mapping_layers": layers,
        **({"mapping_width": width} if layers > 1 else {}),
        **growing.options_of_widths(widths, shapes["synthesis.layer0.const"][2:]),
        **labelled,
    }


def discriminator_options(shapes: Shapes) -> dict[str, Any]:
    """Size, channels and widths, and the classes if there are several."""
    if which(shapes) != "discriminator":
        raise wrong_network("discriminator", EXPECTED, shapes)
    classes = growing.outputs_of_discriminator(shapes)
    labelled = {"condition": "labels", "class_names": growing.numbered_classes(classes)} if classes > 1 else {}
    return growing.discriminator_options(shapes) | labelled


def generator_names(own: Iterable[str]) -> dict[str, str]:
    return growing.renamed(own, GENERATOR_NAMES)


def generate(network: AdaptiveStyleGenerator, z: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
    """z (N, Z) and label (N, K), one-hot, to `w`, `image`, and `image_truncated` as the authors truncate."""
    w = network.mapping(z, label)
    styles = network.repeat(w)
    truncated = network.truncate(styles, PUBLISHED_PSI, PUBLISHED_LAYERS)
    return {"w": w, "image": network.synthesis(styles), "image_truncated": network.synthesis(truncated)}


def judge(network: GrowingDiscriminator, image: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
    """image (N, C, H, W) and label (N, K), one-hot, to `logits` (N, 1) and `r1_penalty`; also at other levels."""

    def scores(numbers: Tensor) -> Tensor:
        return numbers if label is None else (numbers * label).sum(1, keepdim=True)

    return growing.judge_at_levels(network, image, scores, (1.0, 0.5))


ADAPTER = Adapter(
    networks={
        "generator": Network(
            build=build_generator,
            options=generator_options,
            names=generator_names,
            forward=generate,
            optional=LEFT_OUT,
        ),
        "discriminator": Network(
            build=build_discriminator,
            options=discriminator_options,
            names=growing.discriminator_names,
            forward=judge,
            optional=LEFT_OUT,
        ),
    },
    split=split,
    licence="CC BY-NC 4.0 (Karras et al. 2019; genforce's code is MIT)",
)
