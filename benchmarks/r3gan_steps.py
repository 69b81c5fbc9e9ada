"""A training step of R3GAN against the plain loop, with the same networks, augmentation and torch; with equal outputs.

    python benchmarks/r3gan_steps.py [--side 32] [--width 128] [--batch 16] [--precisions fp32 bf16] [--threads 1]

The plain loop (`r3gan_step`) is what the paper writes down: each convolution, bias and leaky ReLU by itself, real and
generated images evaluated one after the other, PyTorch's second derivatives and Adam, in fp32 and contiguous tensors.
It also samples images for each network. Before, losses, penalties and gradients are compared for equal inputs.
Times are of the processor; memory is of processes of their own.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any

import torch
from harness import MIB, in_own_process, make_parser, print_processor_ratios
from textbook import Step, autocast
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, softplus
from training_steps import EngineSteps, build_engine, build_model, synchronise

from imagewright.images import Batch
from imagewright.model import Model
from imagewright.phases import Draws
from imagewright.phases import Step as TrainingStep
from imagewright.training import device as devices

WANTED = 1.0


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--width", type=int, default=128, help="channels of all maps up to 32 pixels (published: 768)")
    parser.add_argument("--blocks", type=int, default=1, help="at each size of maps (published: 2)")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--precisions", nargs="+", default=["fp32"], choices=["fp32", "bf16"])
    parser.add_argument("--steps", type=int, default=1, help="in one timed round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


# The plain loop


def block(part: Any, maps: Tensor) -> Tensor:
    """x + L3(act(L2(act(L1 x)))), with biases in the activations."""
    inner = conv2d(maps, part.expand.weight)
    inner = leaky_relu(inner + part.expand.bias[:, None, None], 0.2)
    inner = conv2d(inner, part.mix.weight, padding=1, groups=part.mix.groups)
    inner = leaky_relu(inner + part.mix.bias[:, None, None], 0.2)
    return maps + conv2d(inner, part.project.weight)


def change(part: Any, maps: Tensor) -> Tensor:
    return conv2d(maps, part.change.weight) if hasattr(part.change, "weight") else maps


def depthwise(part: Any, maps: Tensor) -> Tensor:
    return part.kernel.expand(maps.shape[1], 1, *part.kernel.shape).contiguous()


def generate(network: Any, latents: Tensor) -> Tensor:
    first, *blocks = network.stages[0]
    maps = (latents @ first.linear.weight.T)[:, :, None, None] * first.basis
    for place, stage in enumerate(network.stages):
        if place:
            up, *blocks = stage
            maps = change(up, maps)
            maps = conv_transpose2d(maps, 4 * depthwise(up, maps), stride=2, padding=1, groups=maps.shape[1])
        for part in blocks:
            maps = block(part, maps)
    return conv2d(maps, network.to_image.weight)


def judge(network: Any, images: Tensor) -> Tensor:
    maps = conv2d(images, network.from_image.weight)
    for place, stage in enumerate(network.stages):
        *blocks, last = stage
        for part in blocks:
            maps = block(part, maps)
        if place + 1 < len(network.stages):
            maps = change(last, conv2d(maps, depthwise(last, maps), stride=2, padding=1, groups=maps.shape[1]))
        else:
            maps = conv2d(maps, last.basis, groups=maps.shape[1]).flatten(1) @ last.linear.weight.T
    return maps[:, 0]


def discriminator_terms(model: Any, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> list[Tensor]:
    """The relativistic loss, R1 and R2."""
    real, fake = real.detach().requires_grad_(), fake.detach().requires_grad_()
    real_logits, fake_logits = critic(real), critic(fake)
    penalties = []
    for images, logits in ((real, real_logits), (fake, fake_logits)):
        (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        penalties.append(model.gamma / 2 * gradient.square().sum((1, 2, 3)).mean())
    return [softplus(fake_logits - real_logits).mean(), *penalties]


def r3gan_step(model: Any, images: Tensor, device: torch.device, precision: str = "fp32") -> Step:
    """The discriminator first, with images of its own, then the generator.

    images: uint8 (N, C, H, W), the batch
    """
    model.to(device)
    networks = model.generator, model.discriminator
    adam_g, adam_d = (torch.optim.Adam(each.parameters(), lr=2e-4, betas=(0.0, 0.9)) for each in networks)
    real, latent_dim = images.float() / 127.5 - 1, model.config.latent_dim
    draws = Draws(torch.Generator(device).manual_seed(0), len(images), 0, len(images))
    holder = TrainingStep(images=real, index=0, images_seen=0, draws=draws)

    def critic(images: Tensor) -> Tensor:
        return judge(model.discriminator, model._augment(images, holder))

    def step() -> None:
        pictures = real.to(device)
        model.zero_grad()
        with autocast(device, precision):
            with torch.no_grad():
                fake = generate(model.generator, torch.randn(len(pictures), latent_dim, device=device))
            terms = discriminator_terms(model, critic, pictures, fake.float())
        sum(terms).backward()
        adam_d.step()
        model.zero_grad()
        with autocast(device, precision):
            fake = generate(model.generator, torch.randn(len(pictures), latent_dim, device=device))
            for_generator = softplus(critic(pictures) - critic(fake)).mean()
        for_generator.backward()
        adam_g.step()
        [each.item() for each in (*terms, for_generator)]

    return step


# The comparison


def model_of(arguments: Namespace) -> Model:
    """The model, with augmentation as in the middle of a training."""
    given = {"width": arguments.width, "blocks": arguments.blocks, "preset": "ffhq64", "gamma": 1.0}
    model = build_model("r3gan", arguments.side, **given)
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if name.endswith("project.weight"):  # these start at 0
            torch.nn.init.normal_(parameter, std=0.1 * parameter.shape[1] ** -0.5)
    return model


def pictures(arguments: Namespace) -> Tensor:
    """uint8 (N, 3, side, side) of noise, the same each time."""
    shape = arguments.batch, 3, arguments.side, arguments.side
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def largest_difference(arguments: Namespace) -> float:
    """Of losses, penalties and gradients of the discriminator by both ways, relative to the size of each."""
    model, real = model_of(arguments), pictures(arguments).float() / 127.5 - 1
    model.advance(0)  # no augmentation
    draws = Draws(torch.Generator().manual_seed(0), len(real), 0, len(real))
    step = TrainingStep(images=real, index=0, images_seen=0, draws=draws)
    fake = generate(model.generator, draws.normal(model.config.latent_dim)).detach()
    step.shared["fake"] = fake
    found = []
    for terms in (
        list(model.discriminator_loss(step).values()),
        discriminator_terms(model, lambda images: judge(model.discriminator, images), real, fake),
    ):
        model.zero_grad()
        torch.stack(terms).sum().backward()
        found.append([*terms, *(parameter.grad for parameter in model.discriminator.parameters())])
    return max(((a - b).abs().max() / b.abs().max().clamp(min=1e-12)).item() for a, b in zip(*found, strict=True))


def ours(arguments: Namespace, precision: str, steps: int) -> Callable[[], None]:
    """A round of our engine's steps."""
    engine = build_engine(model_of(arguments), arguments.batch, torch.device(arguments.device), precision=precision)
    batch = Batch(pictures(arguments).contiguous(memory_format=torch.channels_last))
    run = EngineSteps(engine, {"images": batch}, index=10**9 // (2 * arguments.batch))
    return lambda: run(steps)


def plain(arguments: Namespace, precision: str, steps: int) -> Callable[[], None]:
    """A round of the plain loop's steps."""
    model = model_of(arguments)
    model.advance(model.recipe().images_seen // 2)
    step = r3gan_step(model, pictures(arguments), torch.device(arguments.device), precision)

    def run() -> None:
        for _ in range(steps):
            step()
        synchronise(torch.device(arguments.device))

    return run


def peak_memory(which: str, precision: str, given: dict[str, object]) -> float:
    """MiB of a process that does two steps of only this, at its peak: of the GPU if it is used."""
    arguments = Namespace(**given)
    torch.set_num_threads(arguments.threads)
    {"ours": ours, "plain": plain}[which](arguments, precision, 2)()
    return devices.peak_memory(torch.device(arguments.device)) / MIB


def main() -> None:
    arguments = options()
    torch.set_num_threads(arguments.threads)
    print(f"largest relative difference of losses, penalties and gradients: {largest_difference(arguments):.1e}")
    for precision in arguments.precisions:
        works = (ours(arguments, precision, arguments.steps), plain(arguments, "fp32", arguments.steps))
        title = f"r3gan, {arguments.side} pixels, width {arguments.width}, batch {arguments.batch}, {precision}; "
        title += f"wanted {WANTED}"
        names = ("imagewright", "plain loop, fp32")
        print_processor_ratios(title, arguments.steps * arguments.batch, "images/s", names, works, arguments.rounds)
        memory = [
            float(in_own_process(peak_memory, which, kind, vars(arguments)))
            for which, kind in (("ours", precision), ("plain", "fp32"))
        ]
        print(f"  peak memory: imagewright {memory[0]:,.0f} MiB, plain loop {memory[1]:,.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
