"""Configurations are checked when they are made, and errors name the option, its value and the rule."""

from __future__ import annotations

import pytest

from imagewright import configs
from imagewright.errors import ConfigError
from imagewright.models.autoencoding.vae import VAEConfig
from imagewright.models.linear.pca import PCAConfig
from imagewright.training.options import TrainingOptions

IMAGES = {"size": (16, 16), "channels": 3}


def vae(**options: object) -> VAEConfig:
    return configs.build(VAEConfig, IMAGES | options, "vae")


def test_given_values_are_used_and_the_others_are_defaults() -> None:
    config = vae(latent_dim=5, network="mlp")
    assert (config.latent_dim, config.network, config.likelihood) == (5, "mlp", "gaussian")
    assert config == vae(latent_dim=5, network="mlp", size=[16, 16])
    assert config.image_shape == (3, 16, 16)


def test_an_unknown_option_gets_the_nearest_name_and_the_list() -> None:
    with pytest.raises(ConfigError, match=r"vae has no option 'latentdim'. Did you mean 'latent_dim'\?") as raised:
        vae(latentdim=3)
    assert "likelihood" in str(raised.value)
    assert "size" not in str(raised.value).split("Its options:")[1], "what the images decide is no option"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"latent_dim": 0}, "vae: latent_dim=0, but it must be greater than or equal to 1"),
        ({"latent_dim": 10**9}, "latent_dim=1000000000, but it must be less than or equal to 65536"),
        ({"latent_dim": "many"}, "latent_dim='many', but it must be a valid integer"),
        ({"latent_dim": 2.5}, "latent_dim=2.5, but it must be a valid integer"),
        ({"likelihood": "poisson"}, "likelihood='poisson', but it must be 'gaussian' or 'bernoulli'"),
        ({"sigma": -1}, "sigma=-1, but it must be greater than or equal to 0"),
        ({"sigma": float("nan")}, "sigma=nan"),
        ({"beta": float("inf")}, "beta=inf"),
    ],
)
def test_a_value_out_of_bounds_is_named_with_its_rule(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        vae(**options)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_two_mistakes_are_both_named() -> None:
    with pytest.raises(ConfigError, match=r"latent_dim=0.*; .*width=0"):
        vae(latent_dim=0, width=0)


def test_a_missing_value_and_a_rule_between_two_options() -> None:
    with pytest.raises(ConfigError, match="vae: channels is missing"):
        configs.build(VAEConfig, {"size": (16, 16)}, "vae")
    with pytest.raises(ConfigError, match=r"^pca: components and explained.*: give one of them$"):
        configs.build(PCAConfig, IMAGES | {"components": 3, "explained": 0.9}, "pca")


@pytest.mark.parametrize(
    "options",
    [
        {"images_seen": 0},
        {"images_seen": -5},
        {"batch_size": 0},
        {"learning_rate": 0},
        {"learning_rate": -1e-3},
        {"learning_rate": float("nan")},
        {"clip": 0},
        {"seed": -1},
        {"schedule": "exponential"},
        {"precision": "fp8"},
        {"keep_checkpoints": 0},
        {"warmup": -1},
    ],
)
def test_impossible_numbers_of_a_training_are_refused_by_name(options: dict[str, object]) -> None:
    (name,) = options
    with pytest.raises(ConfigError, match=f"training: {name}="):
        configs.build(TrainingOptions, options, "training")


@pytest.mark.parametrize("size", [(0, 16), (-8, 8), (16, 0)])
def test_a_picture_has_at_least_one_pixel(size: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="vae: size"):
        vae(size=size)


def test_options_of_leaves_out_the_fields_that_follow_from_the_images() -> None:
    assert configs.options_of(PCAConfig) == ["components", "explained", "seed"]
