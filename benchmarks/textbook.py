"""The plain loops that PyTorch's examples show, with the networks of our models: what our training is compared with.

As in those examples: contiguous float tensors, plain Adam, every network's gradients computed in every backward call,
the losses read after each step. They sample with torch's global generator, and keep no moving average.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import instance_norm, l1_loss, mse_loss

from imagewright.layers.norms import InstanceNorm

Step = Callable[[], None]


@contextmanager
def torch_defaults() -> Iterator[None]:
    """PyTorch's own settings of CUDA inside the block, whatever our training has set."""
    backends: Any = torch.backends
    settings = [
        (backends.cudnn, "benchmark", False),
        (backends.cudnn, "allow_tf32", True),
        (backends.cuda.matmul, "allow_tf32", False),
    ]
    before = [getattr(place, name) for place, name, _ in settings]
    for place, name, value in settings:
        setattr(place, name, value)
    try:
        yield
    finally:
        for (place, name, _), value in zip(settings, before, strict=True):
            setattr(place, name, value)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Mixed precision as the documentation shows it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def dcgan_step(model: Any, images: Tensor, device: torch.device, precision: str = "fp32") -> Step:
    """https://github.com/pytorch/examples/blob/main/dcgan/main.py: the discriminator first, twice, then the generator.

    model: with `generator` (N, Z, 1, 1) -> images and `discriminator` images -> logits (N,)
    images: uint8 (N, C, H, W), the batch
    """
    model.to(device)
    generator, discriminator = model.generator, model.discriminator
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    adam_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    loss = nn.BCEWithLogitsLoss()
    real, latent_dim = images.float() / 127.5 - 1, model.config.latent_dim

    def step() -> None:
        pictures = real.to(device)
        ones, zeros = torch.ones(len(pictures), device=device), torch.zeros(len(pictures), device=device)
        discriminator.zero_grad()
        with autocast(device, precision):
            on_real = loss(discriminator(pictures), ones)
        on_real.backward()
        with autocast(device, precision):
            fake = generator(torch.randn(len(pictures), latent_dim, 1, 1, device=device))
            on_fake = loss(discriminator(fake.detach()), zeros)
        on_fake.backward()
        adam_d.step()
        generator.zero_grad()
        with autocast(device, precision):
            for_generator = loss(discriminator(fake), ones)
        for_generator.backward()
        adam_g.step()
        (on_real + on_fake).item(), for_generator.item()

    return step


def vae_step(model: Any, images: Tensor, device: torch.device, precision: str = "fp32") -> Step:
    """https://github.com/pytorch/examples/blob/main/vae/main.py, with the squared error of colour pictures.

    model: with `encoder` images -> means and log variances (N, 2 Z) and `decoder` (N, Z) -> images
    """
    model.to(device)
    optimizer = torch.optim.Adam([*model.encoder.parameters(), *model.decoder.parameters()], lr=1e-3)
    real = images.float() / 127.5 - 1

    def step() -> None:
        pictures = real.to(device)
        optimizer.zero_grad()
        with autocast(device, precision):
            means, log_variances, rebuilt = autoencode(model, pictures)
            squared = mse_loss(torch.tanh(rebuilt), pictures, reduction="sum")
        divergence = -0.5 * torch.sum(1 + log_variances - means.pow(2) - log_variances.exp())
        loss = squared + divergence
        loss.backward()
        loss.item()
        optimizer.step()

    return step


def vae_gan_step(model: Any, images: Tensor, device: torch.device, precision: str = "fp32") -> Step:
    """Larsen et al. 2016, algorithm 1, written down plainly: all losses from one pass, then three updates.

    model: with `encoder`, `decoder` and `discriminator`, which has `features` and `compute_logits`
    """
    model.to(device)
    networks = model.encoder, model.decoder, model.discriminator
    optimizers = [torch.optim.Adam(network.parameters(), lr=5e-4, betas=(0.0, 0.99)) for network in networks]
    loss = nn.BCEWithLogitsLoss()
    real, critic = images.float() / 127.5 - 1, model.discriminator

    def step() -> None:
        pictures = real.to(device)
        ones, zeros = torch.ones(len(pictures), device=device), torch.zeros(len(pictures), device=device)
        with autocast(device, precision):
            means, log_variances, rebuilt = autoencode(model, pictures)
            samples = model.decoder(torch.randn_like(means))
            real_features, features = critic.features(pictures), critic.features(rebuilt)
            logits = critic.compute_logits(real_features), critic.compute_logits(features), critic(samples)
            likeness = mse_loss(features, real_features, reduction="sum") / len(pictures)
            fooled = (loss(logits[1], ones) + loss(logits[2], ones)) / 2
            found = loss(logits[0], ones) + (loss(logits[1], zeros) + loss(logits[2], zeros)) / 2
        divergence = -0.5 * torch.sum(1 + log_variances - means.pow(2) - log_variances.exp()) / len(pictures)
        losses = likeness + divergence, fooled + 1e-3 * likeness, found
        gradients = [
            torch.autograd.grad(each, list(network.parameters()), retain_graph=network is not critic)
            for each, network in zip(losses, networks, strict=True)
        ]
        for network, found_gradients in zip(networks, gradients, strict=True):
            for parameter, gradient in zip(network.parameters(), found_gradients, strict=True):
                parameter.grad = gradient
        for optimizer in optimizers:
            optimizer.step()
        [each.item() for each in losses]

    return step


def autoencode(model: Any, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Means and log variances (N, Z) each, and what the decoder makes of one latent of each picture."""
    means, log_variances = model.encoder(pictures).float().chunk(2, 1)
    latents = means + (0.5 * log_variances).exp() * torch.randn_like(means)
    return means, log_variances, model.decoder(latents)


def cyclegan_step(model: Any, a: Tensor, b: Tensor, device: torch.device, precision: str = "fp32") -> Step:
    """Zhu et al. 2017, written down plainly: all terms of both generators at once, then both discriminators.

    model: with `generator_ab`, `generator_ba`, `discriminator_a`, `discriminator_b`, and `config`.
    a, b: uint8 (N, C, H, W), the batch of each set; the fakes come from no pool
    """
    use_plain_norms(model.to(device))
    forth, back, judge_a, judge_b = (
        model.generator_ab,
        model.generator_ba,
        model.discriminator_a,
        model.discriminator_b,
    )
    adam_g = torch.optim.Adam([*forth.parameters(), *back.parameters()], lr=2e-4, betas=(0.5, 0.999))
    adam_d = torch.optim.Adam([*judge_a.parameters(), *judge_b.parameters()], lr=2e-4, betas=(0.5, 0.999))
    real_a, real_b = (images.float() / 127.5 - 1 for images in (a, b))
    cycle, identity = model.config.cycle, model.config.cycle * model.config.identity

    def distance_to(logits: Tensor, label: float) -> Tensor:
        return mse_loss(logits, torch.full_like(logits, label))

    def step() -> None:
        one, other = real_a.to(device), real_b.to(device)
        judge_a.requires_grad_(False)
        judge_b.requires_grad_(False)
        adam_g.zero_grad()
        with autocast(device, precision):
            fake_b, fake_a = forth(one), back(other)
            for_generators = (
                distance_to(judge_b(fake_b), 1)
                + distance_to(judge_a(fake_a), 1)
                + cycle * (l1_loss(back(fake_b), one) + l1_loss(forth(fake_a), other))
                + identity * (l1_loss(back(one), one) + l1_loss(forth(other), other))
            )
        for_generators.backward()
        adam_g.step()
        judge_a.requires_grad_(True)
        judge_b.requires_grad_(True)
        adam_d.zero_grad()
        found = []
        for judge, real, fake in ((judge_a, one, fake_a), (judge_b, other, fake_b)):
            with autocast(device, precision):
                loss = 0.5 * (distance_to(judge(real), 1) + distance_to(judge(fake.detach()), 0))
            loss.backward()
            found.append(loss)
        adam_d.step()
        for_generators.item(), sum(found).item()

    return step


def pix2pix_step(model: Any, given: Tensor, target: Tensor, device: torch.device, precision: str = "fp32") -> Step:
    """Isola et al. 2017, written down plainly: one forward pass, then the discriminator, then the generator.

    model: with `generator`, `discriminator` and `config`.
    given, target: uint8 (N, C, H, W), the pairs
    """
    model.to(device)
    generator, discriminator = model.generator, model.discriminator
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    adam_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    loss = nn.BCEWithLogitsLoss()
    inputs, wanted = (images.float() / 127.5 - 1 for images in (given, target))

    def judged(pictures: Tensor, real: Tensor, label: float) -> Tensor:
        logits = discriminator(torch.cat([pictures, real], 1))
        return loss(logits, torch.full_like(logits, label))

    def step() -> None:
        pictures, real = inputs.to(device), wanted.to(device)
        discriminator.requires_grad_(True)
        adam_d.zero_grad()
        with autocast(device, precision):
            fake = generator(pictures)
            found = 0.5 * (judged(pictures, fake.detach(), 0) + judged(pictures, real, 1))
        found.backward()
        adam_d.step()
        discriminator.requires_grad_(False)
        adam_g.zero_grad()
        with autocast(device, precision):
            for_generator = judged(pictures, fake, 1) + model.config.l1 * l1_loss(fake, real)
        for_generator.backward()
        adam_g.step()
        found.item(), for_generator.item()

    return step


def use_plain_norms(model: nn.Module) -> None:
    """Replace our instance norms by those of PyTorch, which have no parameters either."""
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, InstanceNorm):
                setattr(module, name, PlainNorm())


class PlainNorm(nn.Module):
    """`nn.InstanceNorm2d` for any number of channels."""

    def forward(self, maps: Tensor) -> Tensor:
        return instance_norm(maps)
