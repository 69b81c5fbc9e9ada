"""The autoencoder: its reconstructions, and the noise that it is trained to remove."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import BATCH, batch_of, simple_pictures, tiny_model, train_tiny

import imagewright as iw
from imagewright import configs
from imagewright.errors import ConfigError
from imagewright.models.autoencoding.autoencoder import AutoencoderConfig, parse_noise
from imagewright.phases import Draws, Step
from imagewright.pixels import to_float, to_uint8


def step_of(batch_size: int = BATCH) -> Step:
    images = to_float(batch_of(batch_size).images)
    generator = torch.Generator().manual_seed(0)
    return Step(images=images, index=0, images_seen=0, draws=Draws(generator, batch_size, 0, batch_size))


@pytest.mark.parametrize(
    ("noise", "parsed"),
    [
        ("none", ("none", 0.0)),
        ("gaussian:0.3", ("gaussian", 0.3)),
        ("mask:.5", ("mask", 0.5)),
        ("mask:1", ("mask", 1.0)),
    ],
)
def test_noises_are_parsed(noise: str, parsed: tuple[str, float]) -> None:
    assert parse_noise(noise) == parsed


@pytest.mark.parametrize(
    "noise", ["gaussian", "gaussian:", "gaussian:-1", "gaussian:11", "mask:1.5", "mask:0", "salt:0.1", ""]
)
def test_an_unknown_noise_is_refused_with_the_known_ones(noise: str) -> None:
    with pytest.raises(ConfigError, match=r"autoencoder: noise=.*none, gaussian:SIGMA .*mask:SHARE"):
        configs.build(AutoencoderConfig, {"size": (8, 8), "channels": 1, "noise": noise}, "autoencoder")


def test_the_loss_is_the_mean_squared_error_to_the_clean_picture() -> None:
    model = tiny_model("autoencoder", noise="mask:1", network="mlp")
    step = step_of()
    black = torch.full_like(step.images, -1.0)
    expected = (model.decode(model.encoder(black)) - step.images).square().mean()
    torch.testing.assert_close(model.reconstruction_loss(step)["squared_error"], expected)


def test_gaussian_noise_has_its_standard_deviation() -> None:
    model = tiny_model("autoencoder", size=(64, 64), noise="gaussian:0.25")
    images = torch.zeros(20, 3, 64, 64)
    added = model.add_noise(images, torch.Generator().manual_seed(0))
    assert added.mean().abs() < 0.002
    assert added.std().item() == pytest.approx(0.25, rel=0.01)


def test_a_mask_blackens_whole_pixels_in_its_proportion() -> None:
    model = tiny_model("autoencoder", size=(64, 64), noise="mask:0.3")
    masked = model.add_noise(torch.ones(20, 3, 64, 64), torch.Generator().manual_seed(0))
    assert set(masked.unique().tolist()) == {-1.0, 1.0}
    assert (masked == masked[:, :1]).all(), "a pixel is not masked in all its channels"
    assert (masked < 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert (masked[0] != masked[1]).any()


def test_without_noise_pictures_are_unchanged() -> None:
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(tiny_model("autoencoder").add_noise(images, torch.Generator()), images)


def test_the_score_is_minus_the_mean_squared_reconstruction_error(tmp_path: Path) -> None:
    model = tiny_model("autoencoder").eval()
    pictures = torch.from_numpy(simple_pictures(5))
    images = to_float(pictures)
    with torch.inference_mode():
        expected = -(model.decode(model.encode(images)) - images).square().mean((1, 2, 3))
    torch.testing.assert_close(iw.score(model, pictures), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("latent_dim", [2, 5])
@pytest.mark.parametrize("network", ["convolutional", "mlp"])
def test_codes_of_few_numbers(latent_dim: int, network: str, tmp_path: Path) -> None:
    run = train_tiny("autoencoder", "digits", tmp_path / "run", latent_dim=latent_dim, network=network)
    assert iw.encode(run, "digits")[:10].shape == (10, latent_dim)


@pytest.mark.learning
def test_a_denoising_autoencoder_removes_noise(tmp_path: Path) -> None:
    pictures = simple_pictures(64, (8, 8), 1)
    run = train_tiny(
        "autoencoder", pictures, tmp_path / "run", steps=300, noise="mask:0.3", width=32, latent_dim=16,
        network="mlp", learning_rate=3e-3,
    )  # fmt: skip
    model = iw.load(run)
    clean = torch.from_numpy(pictures)
    noisy = to_uint8(model.add_noise(to_float(clean), torch.Generator().manual_seed(1)))
    cleaned = iw.reconstruct(run, noisy)

    def error(images: torch.Tensor) -> float:
        return (images.float() - clean.float()).square().mean().item()

    assert error(cleaned) < 0.5 * error(noisy)
