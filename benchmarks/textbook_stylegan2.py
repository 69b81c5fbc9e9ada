"""StyleGAN2 in the reference formulation, with the weights of our networks: what our layers are compared with.

As in the published code without its compiled extensions: weights of each image in grouped convolutions, and filters
over maps with zeros put between the pixels. Contiguous tensors. Skip generator and residual discriminator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, pad, softplus

from imagewright.layers.resampling import filter_from_taps
from imagewright.layers.style_discriminator import StyleDiscriminator
from imagewright.layers.style_synthesis import StyledConvolution, StyleSynthesis, StyleToImage

GAIN = math.sqrt(2)


def resample(maps: Tensor, up: int = 1, down: int = 1, padding: tuple[int, int] = (0, 0), gain: float = 1.0) -> Tensor:
    """Zeros between the pixels, zeros around, a convolution of each channel, every n-th pixel."""
    count, channels, height, width = maps.shape
    maps = pad(maps.reshape(count, channels, height, 1, width, 1), (0, up - 1, 0, 0, 0, up - 1))
    maps = pad(maps.reshape(count, channels, height * up, width * up), (*padding, *padding))
    kernel = (filter_from_taps() * gain).to(maps).flip((0, 1))[None, None].repeat(channels, 1, 1, 1)
    return conv2d(maps, kernel, groups=channels)[:, :, ::down, ::down]


def modulated(maps: Tensor, weight: Tensor, styles: Tensor, *, demodulate: bool, upsampled: bool) -> Tensor:
    """A group for each image, with weights of its own."""
    count, outputs, inputs, side = len(maps), *weight.shape[:3]
    own = weight[None] * styles[:, None, :, None, None]
    if demodulate:
        own = own * (own.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    joined = maps.reshape(1, count * inputs, *maps.shape[2:])
    if upsampled:
        swapped = own.transpose(1, 2).reshape(count * inputs, outputs, side, side)
        made = conv_transpose2d(joined, swapped, stride=2, groups=count)
        made = resample(made.reshape(count, outputs, *made.shape[2:]), padding=(1, 1), gain=4)
    else:
        made = conv2d(joined, own.reshape(count * outputs, inputs, side, side), padding=side // 2, groups=count)
    return made.reshape(count, outputs, *made.shape[2:])


def active(maps: Tensor, bias: Tensor, gain: float = GAIN, clamp: float | None = None) -> Tensor:
    """Bias, leaky ReLU, gain, limit."""
    made = leaky_relu(maps + bias[:, None, None], 0.2) * gain
    return made if clamp is None else made.clamp(-clamp, clamp)


def styled(layer: StyledConvolution, maps: Tensor, styles: Tensor, noise: Tensor) -> Tensor:
    made = modulated(maps, layer.weight, layer.affine(styles), demodulate=True, upsampled=layer.upsampled)
    assert layer.noise_strength is not None
    return active(made + noise * layer.noise_strength, layer.bias, clamp=layer.clamp)


def to_image(layer: StyleToImage, maps: Tensor, styles: Tensor) -> Tensor:
    factors = layer.affine(styles) * layer.scale
    made = modulated(maps, layer.weight, factors, demodulate=False, upsampled=False) + layer.bias[:, None, None]
    return made if layer.clamp is None else made.clamp(-layer.clamp, layer.clamp)


def synthesise(network: StyleSynthesis, styles: Tensor, noise: Sequence[Tensor]) -> Tensor:
    """What `network(styles, noise)` computes."""
    maps, given, image = network.start[None].repeat(len(styles), 1, 1, 1), iter(noise), None
    blocks: Any = network.blocks
    for place, block in enumerate(blocks):
        own = styles[:, max(2 * place - 1, 0) : 2 * place + 2]
        if block.first is not None:
            maps = styled(block.first, maps, own[:, 0], next(given))
        maps = styled(block.second, maps, own[:, -2], next(given))
        made = to_image(block.to_image, maps, own[:, -1])
        image = made if image is None else resample(image, up=2, padding=(2, 1), gain=4) + made
    assert image is not None
    return image


def judge(network: StyleDiscriminator, images: Tensor) -> Tensor:
    """What `network(images)` computes: logits (N,)."""
    maps, blocks, last = images, network.blocks, network.last
    for block in blocks:
        block_parts: Any = block
        if block_parts.from_image is not None:
            maps = convolved(block_parts.from_image, maps)
        around = resample(maps, down=2, padding=(1, 1))
        around = conv2d(around, block_parts.shortcut.weight / math.sqrt(maps.shape[1])) * math.sqrt(0.5)
        made = resample(convolved(block_parts.first, maps), padding=(2, 2))
        maps = convolved(block_parts.second, made, stride=2, padding=0, gain=math.sqrt(0.5)) + around
    group = min(network.group, len(maps))
    grouped = maps.reshape(group, -1, *maps.shape[1:])
    deviations = (grouped.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3)).reshape(-1, 1, 1, 1)
    maps = torch.cat([maps, deviations.repeat(group, 1, *maps.shape[2:])], 1)
    numbers = leaky_relu(network.dense(convolved(last, maps).flatten(1)), 0.2) * GAIN
    logits: Tensor = network.out(numbers).flatten()
    return logits


def convolved(layer: Any, maps: Tensor, *, stride: int = 1, padding: int | None = None, gain: float = 1.0) -> Tensor:
    """Equalised convolution with its activation."""
    weight = layer.weight / math.sqrt(layer.weight[0].numel())
    made = conv2d(maps, weight, stride=stride, padding=weight.shape[-1] // 2 if padding is None else padding)
    return active(made, layer.bias, GAIN * gain, layer.clamp)


def stylegan2_step(model: Any, images: Tensor, noise: Sequence[Tensor]) -> Callable[[], None]:
    """The updates of generator and discriminator, without the lazy terms; adversarial losses alone.

    model: a `StyleGAN2`, whose weights are trained.
    images: float (N, C, H, W) in [-1, 1], the batch.
    noise: of each layer.
    """
    generator, discriminator = model.generator, model.discriminator
    adams = [torch.optim.Adam(each.parameters(), lr=2e-3, betas=(0.0, 0.99)) for each in (generator, discriminator)]

    def generate() -> Tensor:
        latents = torch.randn(len(images), model.config.latent_dim)
        styles = generator.mapping(latents)[:, None].expand(-1, generator.synthesis.layers, -1)
        return synthesise(generator.synthesis, styles, noise)

    def step() -> None:
        discriminator.requires_grad_(False)
        adams[0].zero_grad()
        softplus(-judge(discriminator, generate())).mean().backward()
        adams[0].step()
        discriminator.requires_grad_(True)
        adams[1].zero_grad()
        with torch.no_grad():
            fake = generate()
        softplus(-judge(discriminator, images)).mean().backward()
        softplus(judge(discriminator, fake)).mean().backward()
        adams[1].step()

    return step
