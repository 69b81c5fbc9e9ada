"""MUNIT and UNIT as their authors save them: a dictionary of both domains' networks, under `a` and `b`.

NVlabs/MUNIT: `gen_%08d.pt`, `dis_%08d.pt` and the published files; mingyuliutw/UNIT likewise. Files of PyTorch 0.3 hold
running statistics of instance norms, which nothing reads. Discriminators of the norm `sn` are read as ones without a
norm, of the weights that their spectral norms compute. Padding, activations without a weight, and whether a
discriminator has instance norms, are in no shape: the published ones are assumed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import normalize

from imagewright.checkpoints.adapter import RUNNING_STATISTICS, Adapter, Network, Shapes, State, count_numbered
from imagewright.checkpoints.containers import state_dicts
from imagewright.errors import RunError
from imagewright.layers.content_style import ContentGenerator, ContentStyleGenerator
from imagewright.layers.pyramid_discriminator import PyramidDiscriminator
from imagewright.models.shared.two_domains import build_pyramid
from imagewright.models.translation.munit import build_style_generator
from imagewright.models.translation.unit import build_shared_generator

PUBLISHED_SIZE = (256, 256)  # no shape tells it
LICENCE = "CC-BY-NC-SA-4.0 (NVIDIA)"
# Prefixes of the published names, and ours.
STYLED = {
    "enc_style.": "style_encoder.",
    "enc_content.": "content_encoder.",
    "dec.": "decoder.",
    "mlp.": "mlp.",
}
SHARED = {"enc.": "encoder.", "dec.": "decoder."}
# What a state dict is of, by a prefix of its names.
KINDS = {
    "enc_class_model.": "FUNIT's generator",
    "cnn_f.": "FUNIT's discriminator",
    "enc_style.": "MUNIT's generator",
    "enc.": "UNIT's generator",
    "cnns.": "a discriminator of MUNIT or UNIT",
}


def kind_of(names: Iterable[str]) -> str:
    """What a state dict with these names looks like, among `KINDS`; "" if like none of them."""
    known = list(names)
    return next((kind for prefix, kind in KINDS.items() if any(name.startswith(prefix) for name in known)), "")


def renamed(prefixes: Mapping[str, str]) -> Callable[[Iterable[str]], dict[str, str]]:
    """The `Network.names` of a network whose published names differ from ours in their prefixes alone."""

    def names(ours: Iterable[str]) -> dict[str, str]:
        found = {}
        for name in ours:
            published = next(theirs for theirs, own in prefixes.items() if name.startswith(own))
            found[published + name.removeprefix(prefixes[published])] = name
        return found

    return names


def split_domains(generator: str) -> Callable[[Any], dict[str, State]]:
    """The `Adapter.split` of two domains. generator: its kind of `KINDS`.

    A state dict that is under neither `a` nor `b` is taken as that of domain a.
    """
    kinds = {generator: "generator", KINDS["cnns."]: "discriminator"}

    def split(held: Any) -> dict[str, State]:
        found = state_dicts(held)
        parts: dict[str, State] = {}
        for key, state in found.items():
            network = kinds.get(kind_of(state))
            domain = key.rpartition(".")[2]
            if network:
                parts.setdefault(f"{network}_{domain if domain in ('a', 'b') else 'a'}", state)
        if parts:
            return parts
        raise RunError(not_of(generator, next(iter(found.values()))))

    return split


def not_of(expected: str, names: Iterable[str]) -> str:
    """The sentence for a state dict of something else."""
    return f"This is no state dict of {expected}; found {', '.join(list(names)[:3])} ..."


def content_options(shapes: Shapes, prefix: str) -> dict[str, Any]:
    """Channels, width, depth and halvings of a content encoder under `prefix`."""
    first = shapes[f"{prefix}model.0.conv.weight"]
    at = re.escape(prefix)
    halvings = count_numbered(shapes, rf"{at}model\.#\.conv\.weight") - 1
    return {
        "channels": first[1],
        "width": first[0],
        "downsamplings": halvings,
        "blocks": count_numbered(shapes, rf"{at}model\.{halvings + 1}\.model\.#\.model\.0\.conv\.weight"),
        **learned_activation(shapes, f"{prefix}model.0", "activation"),
    }


def learned_activation(shapes: Shapes, block: str, option: str) -> dict[str, str]:
    """The option of an activation, if it is the one that has a weight."""
    return {option: "prelu"} if f"{block}.activation.weight" in shapes else {}


def style_options(shapes: Shapes) -> dict[str, Any]:
    """The options of MUNIT's generator."""
    require_kind(shapes, "enc_style.")
    return {
        **content_options(shapes, "enc_content."),
        "style_dim": shapes["mlp.model.0.fc.weight"][1],
        "mlp_width": shapes["mlp.model.0.fc.weight"][0],
    }


def shared_options(shapes: Shapes) -> dict[str, Any]:
    """The options of UNIT's generator."""
    require_kind(shapes, "enc.")
    return content_options(shapes, "enc.")


def pyramid_options(shapes: Shapes) -> dict[str, Any]:
    """The options of a discriminator of several scales."""
    require_kind(shapes, "cnns.")
    first = shapes["cnns.0.0.conv.weight"]
    options: dict[str, Any] = {
        "channels": first[1],
        "discriminator_width": first[0],
        "discriminator_layers": count_numbered(shapes, r"cnns\.0\.#\.conv\.weight"),
        "scales": count_numbered(shapes, r"cnns\.#\.0\.conv\.weight"),
        **learned_activation(shapes, "cnns.0.0", "discriminator_activation"),
    }
    if "cnns.0.1.norm.gamma" in shapes:
        options["discriminator_norm"] = "layer"
    elif "cnns.0.1.norm.weight" in shapes:
        options["discriminator_norm"] = "batch"
    return options


def divided_by_spectral_norms(state: State) -> State:
    """The weights of convolutions with a spectral norm, as the published layer computes them when it is first called.

    It holds a weight `module.weight_bar` and estimates `u` and `v` of its singular vectors, which it improves by one
    round whenever it is called, also in evaluation mode (Miyato et al. 2018, arXiv:1802.05957, algorithm 1).
    """
    plain = {name.replace(".module.", "."): tensor for name, tensor in state.items()}
    for name in state:
        if name.endswith(".module.weight_bar"):
            own = name.removesuffix("module.weight_bar")
            weight, u = plain.pop(f"{own}weight_bar"), plain.pop(f"{own}weight_u", None)
            v = plain.pop(f"{own}weight_v", None)
            if u is None or v is None:
                raise RunError(f"The tensor {name} has a spectral norm, and its weight_u or weight_v is missing.")
            matrix = weight.flatten(1)
            v = normalize(matrix.T @ u, dim=0)
            u = normalize(matrix @ v, dim=0)
            plain[f"{own}weight"] = weight / (u @ (matrix @ v))
    return plain


def require_kind(shapes: Shapes, prefix: str) -> None:
    """Raise `RunError` unless the names are of that kind of `KINDS`."""
    if kind_of(shapes) != KINDS[prefix]:
        raise RunError(not_of(KINDS[prefix], shapes))


def published_options(held: Any) -> dict[str, Any]:
    """The size, which no file tells."""
    return {"size": PUBLISHED_SIZE}


def translate_styled(network: ContentStyleGenerator, image: Tensor, style: Tensor | None = None) -> dict[str, Tensor]:
    """image (N, C, H, W), style (N, S, 1, 1) to content, style_code, reconstruction; and image if there is a style."""
    content, code = network.content_encoder(image), network.style_encoder(image)
    found = {"content": content, "style_code": code[:, :, None, None], "reconstruction": network.decode(content, code)}
    return found if style is None else found | {"image": network.decode(content, style.flatten(1))}


def translate_shared(network: ContentGenerator, image: Tensor, noise: Tensor | None = None) -> dict[str, Tensor]:
    """image (N, C, H, W), noise (N, D, h, w) to hidden, reconstruction; and image if there is noise."""
    hidden = network.encoder(image)
    found = {"hidden": hidden, "reconstruction": network.decoder(hidden)}
    return found if noise is None else found | {"image": network.decoder(hidden + noise)}


def judge(network: PyramidDiscriminator, image: Tensor) -> dict[str, Tensor]:
    """image (N, C, H, W) to `scale0`, `scale1` ..., logits of patches, the finest first."""
    return {f"scale{place}": logits for place, logits in enumerate(network(image))}


def two_domains(generator: Network, kind: str) -> Adapter:
    """The adapter of a system with a generator and a discriminator for each of two domains."""
    judged = Network(
        build=build_pyramid,
        options=pyramid_options,
        plain=divided_by_spectral_norms,
        forward=judge,
        ignored=RUNNING_STATISTICS,
    )
    return Adapter(
        networks={
            "generator_a": generator,
            "generator_b": generator,
            "discriminator_a": judged,
            "discriminator_b": judged,
        },
        split=split_domains(kind),
        options=published_options,
        aliases={"generator": "generator_a", "discriminator": "discriminator_a"},
        licence=LICENCE,
    )


def network_of(
    build: Callable[[Any], nn.Module],
    options: Callable[[Shapes], dict[str, Any]],
    prefixes: Mapping[str, str],
    forward: Callable[..., Any],
) -> Network:
    """A generator whose names differ from ours in their prefixes."""
    return Network(build=build, options=options, names=renamed(prefixes), forward=forward, ignored=RUNNING_STATISTICS)


MUNIT = two_domains(network_of(build_style_generator, style_options, STYLED, translate_styled), KINDS["enc_style."])
UNIT = two_domains(network_of(build_shared_generator, shared_options, SHARED, translate_shared), KINDS["enc."])
