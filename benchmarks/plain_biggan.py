"""BigGAN's networks as its paper draws them, computed with the weights of ours, and the plain loop that trains them.

Batch norm, then gain, offset and ReLU; doubling, then a 3x3 convolution; a 3x3 convolution, then means; softmax of all
products. `plain_generator` and `plain_discriminator` take our modules for their weights and buffers alone.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from textbook import Step, autocast
from torch import Tensor
from torch.nn.functional import avg_pool2d, batch_norm, conv2d, interpolate, linear, max_pool2d, normalize, relu

HALF_LIFE_STEPS = 6931


def normalised(layer: Any) -> Tensor:
    """The weight divided by its singular value after one power iteration."""
    matrix = layer.weight.reshape(layer.weight.shape[0], -1)
    with torch.no_grad():
        v = normalize(layer.u @ matrix, eps=layer.spectral_eps)
        u = normalize(v @ matrix.t(), eps=layer.spectral_eps)
        if layer.training:
            layer.u.copy_(u)
    value = (v @ matrix.t() @ u.t()).squeeze()
    return layer.weight / value  # type: ignore[no-any-return]


def convolve(layer: Any, maps: Tensor) -> Tensor:
    return conv2d(maps, normalised(layer), layer.bias, padding=layer.padding)


def conditional_norm(layer: Any, maps: Tensor, condition: Tensor) -> Tensor:
    gain = 1 + linear(condition, normalised(layer.gain))
    offset = linear(condition, normalised(layer.bias))
    held = layer.statistics
    maps = batch_norm(maps, held.running_mean, held.running_var, None, None, held.training, 0.1, held.eps)
    return maps * gain[:, :, None, None] + offset[:, :, None, None]


def attend(layer: Any, maps: Tensor) -> Tensor:
    theta = convolve(layer.theta, maps).flatten(2)
    phi = max_pool2d(convolve(layer.phi, maps), 2).flatten(2)
    g = max_pool2d(convolve(layer.g, maps), 2).flatten(2)
    weights = torch.softmax(torch.bmm(theta.transpose(1, 2), phi), -1)
    changes = convolve(layer.o, torch.bmm(g, weights.transpose(1, 2)).view(len(maps), -1, *maps.shape[2:]))
    return layer.gamma * changes + maps  # type: ignore[no-any-return]


def plain_generator(network: Any, noise: Tensor, labels: Tensor) -> Tensor:
    """Noise (N, Z) and classes (N,) to images."""
    first, *others = noise.split(network.chunk, 1)
    embedded = network.shared(labels)
    maps = linear(first, normalised(network.linear), network.linear.bias).view(len(noise), -1, *network.start)
    for part, (block, *attention) in zip(others, network.blocks, strict=True):
        condition = torch.cat([embedded, part], 1)
        inner = relu(conditional_norm(block.bn1, maps, condition))
        inner = convolve(block.conv1, interpolate(inner, scale_factor=2))
        inner = convolve(block.conv2, relu(conditional_norm(block.bn2, inner, condition)))
        maps = inner + convolve(block.conv_sc, interpolate(maps, scale_factor=2))
        for each in attention:
            maps = attend(each, maps)
    norm, _, last = network.output_layer
    return torch.tanh(convolve(last, relu(norm(maps))))


def plain_discriminator(network: Any, images: Tensor, labels: Tensor) -> Tensor:
    """Images and classes (N,) to logits (N,)."""
    maps = images
    for block, *attention in network.blocks:
        inner = convolve(block.conv1, maps if block.first else relu(maps))
        inner = convolve(block.conv2, relu(inner))
        shortcut = maps
        if block.first and block.halves:
            shortcut = avg_pool2d(shortcut, 2)
        if block.conv_sc is not None:
            shortcut = convolve(block.conv_sc, shortcut)
        if block.halves:
            inner = avg_pool2d(inner, 2)
            shortcut = shortcut if block.first else avg_pool2d(shortcut, 2)
        maps = inner + shortcut
        for each in attention:
            maps = attend(each, maps)
    features = relu(maps).sum((2, 3))
    projected = (normalised(network.embed)[labels] * features).sum(1)
    return linear(features, normalised(network.linear), network.linear.bias)[:, 0] + projected


def biggan_step(model: Any, images: Tensor, labels: Tensor, device: torch.device, precision: str = "fp32") -> Step:
    """The authors' loop: the discriminator on new and real images in one batch, then the generator, then the average.

    images: uint8 (N, C, H, W). labels: int64 (N,). The regularisation is that of the model's options.
    """
    model.to(device)
    generator, discriminator, config = model.generator, model.discriminator, model.config
    average = copy.deepcopy(generator)
    adam_g = torch.optim.Adam(generator.parameters(), lr=1e-4, betas=(0.0, 0.999), eps=1e-6)
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=4e-4, betas=(0.0, 0.999), eps=1e-6)
    real, classes = images.float() / 127.5 - 1, len(config.class_names)
    count = len(images)

    def new() -> tuple[Tensor, Tensor]:
        wanted = torch.randint(classes, (count,), device=device)
        return plain_generator(generator, torch.randn(count, model.noise_dim, device=device), wanted), wanted

    def regularise() -> None:
        with torch.no_grad():
            for name, weight in generator.named_parameters():
                if weight.ndim > 1 and not name.startswith("shared"):
                    rows = weight.reshape(len(weight), -1)
                    products = rows @ rows.t() * (1 - torch.eye(len(rows), device=device))
                    weight.grad += 2 * config.orthogonal * (products @ rows).view_as(weight)

    def step() -> None:
        pictures, own = real.to(device), labels.to(device)
        adam_d.zero_grad()
        with autocast(device, precision):
            with torch.no_grad():
                fake, wanted = new()
            both = plain_discriminator(discriminator, torch.cat([fake, pictures]), torch.cat([wanted, own]))
            loss_d = relu(1 + both[:count]).mean() + relu(1 - both[count:]).mean()
        loss_d.backward()
        adam_d.step()
        adam_g.zero_grad()
        discriminator.requires_grad_(False)
        with autocast(device, precision):
            loss_g = -plain_discriminator(discriminator, *new()).mean()
        loss_g.backward()
        discriminator.requires_grad_(True)
        if config.orthogonal:
            regularise()
        adam_g.step()
        with torch.no_grad():
            for mean, value in zip(average.parameters(), generator.parameters(), strict=True):
                mean.lerp_(value, 1 / HALF_LIFE_STEPS)
        loss_d.item(), loss_g.item()

    return step
