"""FUNIT as its authors save it: a dictionary with `gen` and its moving average `gen_test`; `dis` in another file.

NVlabs/FUNIT: `animal149_gen.pt` and what the training writes. The average is taken. A generator does not tell the
classes that it was trained on, and nothing needs them.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from imagewright.checkpoints.adapter import RUNNING_STATISTICS, Adapter, Network, Shapes, State, count_numbered
from imagewright.checkpoints.adapters.content_style import (
    KINDS,
    LICENCE,
    content_options,
    kind_of,
    not_of,
    renamed,
    require_kind,
)
from imagewright.checkpoints.containers import one_of_each, state_dicts
from imagewright.errors import RunError
from imagewright.layers.class_discriminator import ClassPatchDiscriminator
from imagewright.layers.content_style import ContentStyleGenerator
from imagewright.models.translation.funit import build_class_discriminator, build_few_shot_generator

PUBLISHED_SIZE = (128, 128)  # no shape tells it
GENERATOR = {
    "enc_class_model.": "style_encoder.",
    "enc_content.": "content_encoder.",
    "dec.": "decoder.",
    "mlp.": "mlp.",
}
DISCRIMINATOR = {"cnn_f.": "features.", "cnn_c.": "classes."}
LAST = "cnn_c.0.conv.weight"  # (classes, F, 1, 1)
WHICH = {KINDS["enc_class_model."]: "generator", KINDS["cnn_f."]: "discriminator"}


def split(held: Any) -> dict[str, State]:
    """The generator, of which the moving average is preferred, and the discriminator."""
    found = state_dicts(held)
    if not any(kind_of(state) in WHICH for state in found.values()):
        raise RunError(not_of("FUNIT", next(iter(found.values()))))
    return one_of_each(found, lambda state: WHICH.get(kind_of(state)), "FUNIT")


def published_options(held: Any) -> dict[str, Any]:
    """The size, which no file tells, and the numbers of the classes of a discriminator as their names."""
    for state in state_dicts(held).values():
        if LAST in state:
            return {"size": PUBLISHED_SIZE, "class_names": tuple(map(str, range(len(state[LAST]))))}
    return {"size": PUBLISHED_SIZE}


def generator_options(shapes: Shapes) -> dict[str, Any]:
    """Widths, depths and codes of the generator."""
    require_kind(shapes, "enc_class_model.")
    first, layers = shapes["mlp.model.0.fc.weight"], count_numbered(shapes, r"mlp\.model\.#\.fc\.weight")
    return {
        **content_options(shapes, "enc_content."),
        "style_dim": first[1],
        "style_downsamplings": count_numbered(shapes, r"enc_class_model\.model\.#\.conv\.weight") - 1,
        "mlp_layers": layers,
        **({"mlp_width": first[0]} if layers > 1 else {}),
    }


def discriminator_options(shapes: Shapes) -> dict[str, Any]:
    """Width and depth of the discriminator."""
    require_kind(shapes, "cnn_f.")
    first = shapes["cnn_f.0.conv.weight"]
    return {
        "channels": first[1],
        "discriminator_width": first[0],
        "discriminator_blocks": count_numbered(shapes, r"cnn_f\.#\.conv_0\.conv\.weight"),
    }


def translate(network: ContentStyleGenerator, image: Tensor, class_images: Tensor) -> dict[str, Tensor]:
    """image (N, C, H, W), class_images (K, C, H, W) of one class to content, class_code (1, S, 1, 1) and image.

    per_image: each image with the code of the picture of its place alone.
    """
    content, codes = network.content_encoder(image), network.style_encoder(class_images)
    mean = codes.mean(0, keepdim=True)
    return {
        "content": content,
        "class_code": mean[:, :, None, None],
        "image": network.decode(content, mean),
        "per_image": network.decode(content, codes[: len(image)]),
    }


def judge(network: ClassPatchDiscriminator, image: Tensor, label: Tensor) -> dict[str, Tensor]:
    """image (N, C, H, W), label int64 (N,) to prediction (N, h, w) and features (N, F, h, w)."""
    prediction, features = network(image, label)
    return {"prediction": prediction, "features": features}


FUNIT = Adapter(
    networks={
        "generator": Network(
            build=build_few_shot_generator,
            options=generator_options,
            names=renamed(GENERATOR),
            forward=translate,
            ignored=RUNNING_STATISTICS,
        ),
        "discriminator": Network(
            build=build_class_discriminator,
            options=discriminator_options,
            names=renamed(DISCRIMINATOR),
            forward=judge,
            ignored=RUNNING_STATISTICS,
        ),
    },
    split=split,
    options=published_options,
    licence=LICENCE,
)
