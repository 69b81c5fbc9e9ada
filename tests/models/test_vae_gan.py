"""VAE-GAN: the published layers, skipped updates, reconstruction errors in features, and what it learns."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tiny import BATCH, batch_of, engine_of, simple_pictures, tiny_model, train_tiny
from torch import Tensor
from torch.nn.functional import softplus

import imagewright as iw
from imagewright import configs
from imagewright.errors import ConfigError
from imagewright.models.autoencoding.vae_gan import VAEGAN, VAEGANConfig
from imagewright.phases import Step
from imagewright.pixels import to_float


def copy_weights(model: torch.nn.Module, name: str) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.get_submodule(name).parameters()]).clone()


def updated_networks(model: torch.nn.Module) -> set[str]:
    """The networks that one step of training changes."""
    networks = ("encoder", "decoder", "discriminator")
    before = {name: copy_weights(model, name) for name in networks}
    engine_of(model).step({"images": batch_of()}, 0, 0)
    return {name for name in networks if not torch.equal(before[name], copy_weights(model, name))}


def test_the_layers_are_the_published_ones() -> None:
    model = VAEGAN(VAEGANConfig(size=(64, 64), channels=3))

    def shapes(network: torch.nn.Module) -> list[tuple[int, ...]]:
        return [tuple(p.shape) for name, p in network.named_parameters() if p.ndim > 1]

    assert shapes(model.encoder) == [(64, 3, 5, 5), (128, 64, 5, 5), (256, 128, 5, 5), (1024, 16_384), (256, 1024)]
    assert shapes(model.decoder) == [
        (16_384, 128), (256, 256, 5, 5), (256, 128, 5, 5), (128, 32, 5, 5), (3, 32, 5, 5),
    ]  # fmt: skip
    assert shapes(model.discriminator) == [
        (32, 3, 5, 5), (128, 32, 5, 5), (256, 128, 5, 5), (256, 256, 5, 5), (512, 16_384), (1, 512),
    ]  # fmt: skip
    # The features are the output of the third convolution with a stride, at an eighth of the size.
    assert model.discriminator.features(torch.zeros(1, 3, 64, 64)).shape == (1, 256, 8, 8)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # The losses of the untrained discriminator are log 2 each.
        ({"equilibrium": 10, "margin": 0.01}, {"encoder", "decoder"}),  # both are far below
        ({"equilibrium": 1e-3, "margin": 1e-4}, {"encoder", "discriminator"}),  # both are far above
        ({"equilibrium": 0.68, "margin": 0.35}, {"encoder", "decoder", "discriminator"}),  # both are within
        ({"margin": 0.0, "equilibrium": 10}, {"encoder", "decoder", "discriminator"}),  # without the rule
        ({"margin": 0.01, "equilibrium": 10, "loss": "hinge"}, {"encoder", "decoder", "discriminator"}),
    ],
)
def test_the_network_that_is_far_ahead_skips_its_update(options: dict[str, object], expected: set[str]) -> None:
    assert updated_networks(tiny_model("vae_gan", penalty=0.0, **options)) == expected


@pytest.mark.parametrize(
    ("side", "options", "expected"),
    [
        (24, {}, True),
        (32, {}, False),
        (32, {"penalty": 0.0}, True),  # as published
        (24, {"discriminator_norm": "none"}, False),
        (24, {"loss": "wasserstein"}, False),  # its penalty needs the gradient at each image alone
    ],
)
def test_when_the_discriminator_has_norms(side: int, options: dict[str, object], expected: bool) -> None:
    model = VAEGAN(VAEGANConfig(size=(side, side), channels=1, width=8, latent_dim=4, **options))
    assert any("BatchNorm" in type(layer).__name__ for layer in model.discriminator.modules()) == expected


def test_both_networks_are_updated_if_the_rule_would_skip_both() -> None:
    # With the equilibrium between the two losses and a tiny margin, the rule would skip both updates.
    engine = engine_of(tiny_model("vae_gan", penalty=0.0))
    engine.step({"images": batch_of()}, 0, 0)
    losses = engine.losses()
    real, fake = losses["discriminator/real"], losses["discriminator/fake"]
    assert abs(real - fake) > 1e-4
    model = tiny_model("vae_gan", penalty=0.0, equilibrium=(real + fake) / 2, margin=1e-6)
    assert updated_networks(model) == {"encoder", "decoder", "discriminator"}


def test_the_likelihood_of_features_is_that_of_a_gaussian_of_unit_variance() -> None:
    features = torch.randn(2, 5, 3, 3)
    model = tiny_model("vae_gan", sigma=1)
    exact = model._log_likelihood(features, features)
    assert exact.tolist() == pytest.approx([-0.5 * 45 * math.log(2 * math.pi)] * 2)
    off = model._log_likelihood(features, features + 2)
    assert (exact - off).tolist() == pytest.approx([0.5 * 45 * 4] * 2, rel=1e-5)


def test_sides_must_be_multiples_of_8() -> None:
    model = tiny_model("vae_gan", (24, 40), 1)
    assert iw.sample(model.eval(), 1).shape == (1, 1, 24, 40)
    with pytest.raises(ConfigError, match=r"multiples of 8.*16x24"):
        configs.build(VAEGANConfig, {"size": (21, 16), "channels": 3}, "vae_gan")


def test_samples_and_reconstructions_have_equal_weights_in_both_adversarial_losses() -> None:
    model = tiny_model("vae_gan", discriminator_norm="none")
    torch.nn.init.normal_(model.discriminator.head[-1].weight, std=3.0)  # so that logits differ between pictures
    noise = torch.randn(BATCH, 4, generator=torch.Generator().manual_seed(1))
    step = Step(images=to_float(batch_of().images), index=0, images_seen=0, draws=FixedDraws(noise))
    loss = {phase.name: phase.loss for phase in model.phases()}
    loss["encoder"](step)
    noise.requires_grad_()  # after the encoder's phase the noise is used for samples alone
    adversarial = loss["decoder"](step)["adversarial"]
    on_images, on_rebuilt, on_samples = (
        model.discriminator(images) for images in (step.images, step.shared["rebuilt"], step.shared["samples"])
    )
    assert (softplus(-on_rebuilt).mean() - softplus(-on_samples).mean()).abs() > 1e-3
    assert adversarial.item() == pytest.approx(
        (softplus(-on_rebuilt).mean() + softplus(-on_samples).mean()).item() / 2, rel=1e-5
    )
    assert torch.autograd.grad(adversarial, noise)[0].abs().max() > 1e-6, "samples give the decoder no gradient"
    terms = loss["discriminator"](step)
    assert terms["real"].item() == pytest.approx(softplus(-on_images).mean().item(), rel=1e-5)
    assert terms["fake"].item() == pytest.approx(
        (softplus(on_rebuilt).mean() + softplus(on_samples).mean()).item() / 2, rel=1e-5
    )


class FixedDraws:
    """Draws that return a given tensor."""

    def __init__(self, normal: Tensor) -> None:
        self._normal = normal

    def normal(self, *shape: int) -> Tensor:
        return self._normal


@pytest.mark.parametrize(
    "options", [{}, {"penalty": 0.0, "margin": 0.35}, {"loss": "relativistic"}, {"generator_every": 2}]
)
def test_other_options_can_be_trained(options: dict[str, object], tmp_path: Path) -> None:
    run = train_tiny("vae_gan", simple_pictures(), tmp_path / "run", steps=2, **options)
    assert iw.reconstruct(run, simple_pictures(2)).shape == (2, 3, 16, 16)


@pytest.mark.learning
def test_reconstructions_have_the_brightness_of_their_pictures(tmp_path: Path) -> None:
    """The backgrounds have different greys, so that a reconstruction of another picture has another brightness."""
    pictures = torch.from_numpy(simple_pictures(64)).float()
    grey = torch.linspace(0, 120, 64)[torch.randperm(64, generator=torch.Generator().manual_seed(0))]
    pictures = (pictures + grey[:, None, None, None]).clamp(max=255).byte()
    run = train_tiny(
        "vae_gan", pictures.numpy(), tmp_path / "run", steps=800, batch_size=32, latent_dim=8, learning_rate=2e-3,
        feature_weight=1.0, ema_half_life=0,
    )  # fmt: skip
    rebuilt = iw.reconstruct(run, pictures)
    brightness = torch.stack([images.float().mean((1, 2, 3)) for images in (pictures, rebuilt)])
    assert torch.corrcoef(brightness)[0, 1] > 0.7
