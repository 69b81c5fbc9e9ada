"""StarGAN v2 as its authors' code saves it: a dictionary of networks, names and layers as here.

clovaai/stargan-v2: `100000_nets_ema.ckpt` holds `generator`, `mapping_network`, `style_encoder`, and for CelebA-HQ
`fan`, the face landmark network (`wing.ckpt` holds it alone, under `state_dict`). No file tells the names of the
domains: two are CelebA-HQ's, three AFHQ's, others are numbered unless options name them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from imagewright.checkpoints.adapter import Adapter, Network, Shapes, State, count_numbered, wrong_network
from imagewright.checkpoints.containers import one_of_each, state_dicts
from imagewright.layers.face_landmarks import LANDMARKS, LandmarkNetwork, face_masks
from imagewright.models.translation.stargan_v2 import (
    WIDTH_TIMES_SIDE,
    StarGANv2Config,
    build_domain_discriminator,
    build_mapping_network,
    build_style_encoder,
    build_style_generator,
)

DOMAINS = {2: ("female", "male"), 3: ("cat", "dog", "wild")}
PUBLISHED_SIZE = (256, 256)  # of networks whose shapes do not tell it
EXPECTED = "StarGAN v2: from_rgb.weight, encode.0.conv1.weight ... (generator), shared.0.weight, unshared.0 ..."


def which(state: Mapping[str, Any]) -> str | None:
    """The network that a state dict is of."""
    if "from_rgb.weight" in state and "encode.0.conv1.weight" in state:
        return "generator"
    if "unshared.0.0.weight" in state:
        return "mapping_network"
    if "unshared.0.weight" in state and "shared.1.conv1.weight" in state:
        return "style_encoder"
    if "main.1.conv1.weight" in state:
        return "discriminator"
    return "fan" if "m0.coordconv.conv.weight" in state else None


def split(held: Any) -> dict[str, State]:
    """The networks in a file."""
    return one_of_each(state_dicts(held), which, EXPECTED)


def generator_options(shapes: Shapes) -> dict[str, Any]:
    """Size, widths, size of a style; the high-pass skip if the file is so old that it lacks the filter."""
    _check(shapes, "generator")
    width, styles = shapes["from_rgb.weight"][0], shapes["decode.0.norm1.fc.weight"][1]
    blocks = count_numbered(shapes, r"encode\.#\.conv1\.weight")
    halvings, has_filter = blocks - 2, "hpf.filter" in shapes
    # By its width: 16,384 divided by the side, as published. With a high-pass skip there is one halving more.
    old = not has_filter and width * 2 ** (halvings + 3) == WIDTH_TIMES_SIDE
    side = 2 ** (halvings + 4 - (has_filter or old))
    widest = shapes[f"encode.{blocks - 1}.conv1.weight"][0]
    return {
        "size": (side, side),
        "channels": shapes["from_rgb.weight"][1],
        "style_dim": styles,
        **_widths(width, widest, halvings),
        **({"high_pass": 1.0} if old else {}),
    }


def mapping_options(shapes: Shapes) -> dict[str, Any]:
    """Sizes of latents, layers and styles."""
    _check(shapes, "mapping_network")
    width, latents = shapes["shared.0.weight"]
    return {"latent_dim": latents, "mapping_width": width, "style_dim": shapes["unshared.0.6.weight"][0]}


def encoder_options(shapes: Shapes) -> dict[str, Any]:
    """Size, widths, and the size of a style."""
    _check(shapes, "style_encoder")
    return _trunk_options(shapes, "shared") | {"style_dim": shapes["unshared.0.weight"][0]}


def discriminator_options(shapes: Shapes) -> dict[str, Any]:
    """Size and widths."""
    _check(shapes, "discriminator")
    return _trunk_options(shapes, "main")


def fan_options(shapes: Shapes) -> dict[str, Any]:
    """That there are landmarks."""
    _check(shapes, "fan")
    return {}


def _trunk_options(shapes: Shapes, name: str) -> dict[str, Any]:
    halvings = count_numbered(shapes, rf"{name}\.#\.conv1\.weight")
    widest, _, *kernel = shapes[f"{name}.{halvings + 2}.weight"]
    return {
        "size": (kernel[0] << halvings, kernel[1] << halvings),
        "channels": shapes[f"{name}.0.weight"][1],
        **_widths(shapes[f"{name}.0.weight"][0], widest, halvings),
    }


def _widths(width: int, widest: int, halvings: int) -> dict[str, Any]:
    """The width, and the most channels if the network is deep enough to tell them, or has more than by default."""
    default = StarGANv2Config.__dataclass_fields__["widest"].default.default
    told = halvings > 0 and (widest < width * 2**halvings or widest > default)
    return {"width": width} | ({"widest": widest} if told else {})


def published_options(held: Any) -> dict[str, Any]:
    """What no shape of a single network tells: size, domains, the high-pass skip, and whether there are landmarks."""
    options: dict[str, Any] = {"size": PUBLISHED_SIZE, "channels": 3, "class_names": DOMAINS[2]}
    for state in state_dicts(held).values():
        network = which(state)
        if network == "fan":
            options["landmarks"] = True
        elif network == "generator" and isinstance(state.get("hpf.filter"), Tensor):
            middle = float(state["hpf.filter"].flatten()[4]) if state["hpf.filter"].numel() == 9 else 0.0
            options["high_pass"] = 8 / middle if middle > 0 else 1.0
        if count := _domains_of(network, state):
            numbered = tuple(f"domain_{place}" for place in range(1, count + 1))
            options["class_names"] = DOMAINS.get(count, numbered)
    return options


def _domains_of(network: str | None, state: State) -> int:
    """The number of domains of a network; 0 if it does not tell."""
    if network in ("mapping_network", "style_encoder"):
        return count_numbered(state, r"unshared\.#\..*")
    if network == "discriminator":
        last = count_numbered(state, r"main\.#\.conv1\.weight") + 4
        return len(state[f"main.{last}.weight"]) if f"main.{last}.weight" in state else 0
    return 0


def _check(shapes: Shapes, network: str) -> None:
    if which(shapes) != network:
        raise wrong_network(network, EXPECTED, shapes)


def generate(network: nn.Module, image: Tensor, style: Tensor, **masks: Tensor) -> Any:
    """image (N, C, H, W) in [-1, 1] and style (N, S) to the image; with two masks to it without and with them."""
    if not masks:
        return network(image, style)
    return {"image": network(image, style), "image_masked": network(image, style, (masks["mask_0"], masks["mask_1"]))}


def map_latents(network: nn.Module, latent: Tensor, domain: Tensor) -> Tensor:
    """latent (N, Z) and domain (N,) to the style (N, S)."""
    made: Tensor = network(latent, domain)
    return made


def encode_style(network: nn.Module, image: Tensor, domain: Tensor) -> Tensor:
    """image (N, C, H, W) in [-1, 1] and domain (N,) to the style (N, S)."""
    made: Tensor = network(image, domain)
    return made


def judge(network: nn.Module, image: Tensor, domain: Tensor) -> dict[str, Tensor]:
    """image and domain to `logit` (N,) of the domain, `logits` (N, D) and `features` (N, F, 1, 1)."""
    logits = network(image)
    logit = logits.gather(1, domain[:, None])[:, 0]
    return {"logit": logit, "logits": logits, "features": network.features(image)}  # type: ignore[operator]


def find_landmarks(network: nn.Module, image: Tensor, landmarks: Tensor | None = None) -> dict[str, Tensor]:
    """image in [-1, 1] to `heatmaps` (N, 99, h, w), and the masks of these, or of `landmarks` (N, 98, h, w) less 2."""
    heatmaps = network(image / 2 + 0.5)
    first, second = face_masks(heatmaps[:, :LANDMARKS] if landmarks is None else landmarks - 2)
    return {"heatmaps": heatmaps, "mask_0": first, "mask_1": second}


def build_landmark_network(config: StarGANv2Config) -> LandmarkNetwork:
    return LandmarkNetwork()


STARGAN_V2 = Adapter(
    networks={
        "generator": Network(
            build=build_style_generator,
            options=generator_options,
            forward=generate,
            ignored=("decode.*.conv1x1.weight",),  # in the files, but not used beside a high-pass skip
            optional=("hpf.filter",),
        ),
        "mapping_network": Network(build=build_mapping_network, options=mapping_options, forward=map_latents),
        "style_encoder": Network(build=build_style_encoder, options=encoder_options, forward=encode_style),
        "discriminator": Network(build=build_domain_discriminator, options=discriminator_options, forward=judge),
        "fan": Network(build=build_landmark_network, options=fan_options, forward=find_landmarks, ignored=("*",)),
    },
    split=split,
    options=published_options,
    aliases={"mapping": "mapping_network", "style": "style_encoder", "landmarks": "fan"},
    licence="CC BY-NC 4.0 (Choi et al. 2020)",
)
