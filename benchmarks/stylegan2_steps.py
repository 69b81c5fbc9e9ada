"""StyleGAN2 against its reference formulation, with the same weights and the same torch: a forward pass, and a step.

    python benchmarks/stylegan2_steps.py [--precisions fp32 bf16] [--threads 1] [--side 64] [--channel-base 8192]

The reference (`textbook_stylegan2.py`) has weights of each image in grouped convolutions, and filters over zeros
between pixels; it is in fp32, with PyTorch's Adam and contiguous tensors. The outputs of both are compared first. A
step updates both networks by the adversarial losses; the lazy terms and the augmentation are left out. Times are of
the processor.
"""

from __future__ import annotations

import copy
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import textbook_stylegan2 as reference
import torch
from harness import MIB, in_own_process, make_parser, print_processor_ratios
from torch import Tensor
from training_steps import build_model, build_steps

from imagewright.models.shared.style_views import broadcast
from imagewright.training import device as devices

FORWARD, WANTED = 3.0, {"fp32": 1.8, "bf16": 2.8}
NOISE_STRENGTH = 0.1  # it starts at 0, and would not be seen in the outputs


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--precisions", nargs="+", default=list(WANTED), choices=list(WANTED))
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--channel-base", type=int, default=8192)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def model_of(given: Namespace) -> Any:
    """The model without lazy terms and augmentation."""
    left_out = {"augmentation": "none", "penalty": 0.0, "path_length": 0.0, "style_mixing": 0.0}
    model = build_model("stylegan2", given.side, channel_base=given.channel_base, **left_out)
    for name, parameter in model.named_parameters():
        if name.endswith("noise_strength"):
            torch.nn.init.constant_(parameter, NOISE_STRENGTH)
    return model


def inputs(model: Any, given: Namespace) -> tuple[Tensor, Tensor, list[Tensor]]:
    """uint8 images, latents, and the noise of each layer."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (given.batch, 3, given.side, given.side), dtype=torch.uint8, generator=generator)
    latents = torch.randn(given.batch, model.config.latent_dim, generator=generator)
    shapes = model.generator.synthesis.noise_shapes
    return images, latents, [torch.randn(given.batch, 1, *shape, generator=generator) for shape in shapes]


def compare_outputs(model: Any, ours: Any, images: Tensor, styles: Tensor, noise: list[Tensor]) -> None:
    """Print the largest differences relative to the largest output, of images and of logits."""
    with torch.no_grad():
        pairs = {
            "images": (ours.synthesis(styles, noise), reference.synthesise(model.generator.synthesis, styles, noise)),
            "logits": (ours.discriminator(images), reference.judge(model.discriminator, images)),
        }
    for name, (one, other) in pairs.items():
        print(f"largest difference of {name}: {float((one - other).abs().max() / other.abs().max()):.1e}", flush=True)


def forward_passes(given: Namespace) -> tuple[Callable[[], object], Callable[[], object]]:
    """Of both formulations, after their outputs were compared."""
    model = model_of(given)
    images, latents, noise = inputs(model, given)
    ours = copy.deepcopy(model)
    devices.prepare_model(ours, torch.device("cpu"))
    synthesis = ours.generator.synthesis
    styles = broadcast(model.generator.mapping(latents), synthesis.layers).detach()
    parts = Namespace(synthesis=synthesis, discriminator=ours.discriminator)
    compare_outputs(model, parts, images.float() / 127.5 - 1, styles, noise)
    return (
        torch.no_grad()(lambda: synthesis(styles, noise)),
        torch.no_grad()(lambda: reference.synthesise(model.generator.synthesis, styles, noise)),
    )


def ours(given: Namespace, precision: str) -> Callable[[], None]:
    """A step of our engine."""
    model = model_of(given)
    run = build_steps(model, inputs(model, given)[0], torch.device("cpu"), precision=precision)
    return lambda: run(1)


def plain(given: Namespace, precision: str) -> Callable[[], None]:
    """A step of the reference."""
    model = model_of(given)
    images, _, noise = inputs(model, given)
    return reference.stylegan2_step(model, images.float() / 127.5 - 1, noise)


def peak_memory(which: str, precision: str, arguments: dict[str, object]) -> float:
    """MiB of a process that does two steps of only this, at its peak."""
    given = Namespace(**arguments)
    torch.set_num_threads(given.threads)
    step = {"ours": ours, "plain": plain}[which](given, precision)
    step(), step()
    return devices.peak_memory(torch.device("cpu")) / MIB


def main() -> None:
    given = options()
    torch.set_num_threads(given.threads)
    what = f"StyleGAN2, {given.side} pixels, channel base {given.channel_base:,}, batch {given.batch}"
    names = ("imagewright", "reference, fp32")
    title = f"{what}: generator forward; wanted {FORWARD}"
    print_processor_ratios(title, given.batch, "images/s", names, forward_passes(given), given.rounds)
    theirs = plain(given, "fp32")
    peer = float(in_own_process(peak_memory, "plain", "fp32", vars(given)))
    for precision in given.precisions:
        title = f"{what}: step, {precision}; wanted {WANTED[precision]}"
        print_processor_ratios(title, given.batch, "images/s", names, (ours(given, precision), theirs), given.rounds)
        memory = float(in_own_process(peak_memory, "ours", precision, vars(given)))
        print(f"  peak memory: imagewright {memory:,.0f} MiB, reference {peer:,.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
