"""What `train` chooses where the user gave nothing: the size, and the options that the model suggests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import BATCH, Messages, simple_pictures

import imagewright as iw
from imagewright import catalogue, configs
from imagewright.errors import ConfigError
from imagewright.models.autoencoding.vae import VAEConfig
from imagewright.training import sizes
from imagewright.training.options import TrainingOptions
from imagewright.training.sizes import shrink, useful_side
from imagewright.traits import Traits

ONE_STEP = {"images_seen": BATCH, "batch_size": BATCH, "device": "cpu"}


def train(name: str, pictures: Any, out: Path, **options: Any) -> tuple[iw.Run, list[str]]:
    """A training of one step, and its messages."""
    reporter = Messages()
    run = iw.train(name, pictures, out, reporter=reporter, **(ONE_STEP | options))
    return run, reporter.texts


def chosen(texts: list[str]) -> list[str]:
    return [text for text in texts if text.startswith("chosen for")]


def test_a_gan_of_small_pictures_on_a_cpu_gets_the_options_that_it_suggests(tmp_path: Path) -> None:
    run, texts = train("dcgan", simple_pictures(), tmp_path / "run", batch_size=16)
    (line,) = chosen(texts)
    assert "32 pictures of 16x16 on a CPU" in line
    assert "--defaults published" in line
    suggested = catalogue.model_class("dcgan").Config.suggest(Traits(images=32, height=16, width=16, channels=3))
    for name, value in suggested.items():
        recorded = run.record["options"].get(name, run.record["config"].get(name))
        assert recorded == value, name
        assert (value if isinstance(value, str) else f"{value:g}") in line, name


def test_given_options_are_never_replaced_nor_named_as_chosen(tmp_path: Path) -> None:
    run, texts = train("dcgan", simple_pictures(), tmp_path / "run", width=8, learning_rate=3e-4)
    assert (run.record["config"]["width"], run.record["options"]["learning_rate"]) == (8, 3e-4)
    assert "width" not in chosen(texts)[0]
    assert "learning rate" not in chosen(texts)[0]


def test_published_defaults_are_those_of_the_configuration(tmp_path: Path) -> None:
    run, texts = train("vae_gan", simple_pictures(), tmp_path / "run", defaults="published", width=8)
    assert not chosen(texts)
    config = catalogue.model_class("vae_gan").Config(size=(16, 16), channels=3, width=8)
    assert iw.load(run).config == config
    assert run.record["options"]["learning_rate"] is None


def test_the_rate_of_one_loss_is_not_suggested_for_another() -> None:
    config = catalogue.model_class("dcgan").Config
    traits = {"images": 32, "height": 64, "width": 64, "channels": 3}
    assert "penalty" in config.suggest(Traits(**traits))
    assert (
        config.suggest(Traits(**traits, given={"loss": "wasserstein"})).keys().isdisjoint({"penalty", "learning_rate"})
    )


@pytest.mark.parametrize("name", list(catalogue.entries()))
@pytest.mark.parametrize("accelerator", [False, True])
def test_every_suggestion_is_an_option_within_its_bounds(name: str, accelerator: bool) -> None:
    config = catalogue.model_class(name).Config
    for size in ((8, 8), (32, 32), (64, 88), (256, 256)):
        for minutes in (1, 10, 600):
            traits = Traits(
                images=100,
                height=size[0],
                width=size[1],
                channels=3,
                classes=2,
                accelerator=accelerator,
                minutes=minutes,
            )
            suggested = config.suggest(traits)
            of_model = {each: value for each, value in suggested.items() if each in configs.options_of(config)}
            configs.build(TrainingOptions, {k: v for k, v in suggested.items() if k not in of_model}, "training")
            tiny = config.tiny()
            for option, value in of_model.items():
                configs.build(config, {**vars(tiny), option: value}, name)


def test_a_resumed_run_keeps_what_was_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def suggest(traits: Traits) -> dict[str, Any]:
        return {"latent_dim": 5, "learning_rate": 0.002}

    monkeypatch.setattr(VAEConfig, "suggest", suggest)
    run, _ = train("vae", simple_pictures(), tmp_path / "run", network="mlp", width=8)
    assert (run.record["config"]["latent_dim"], run.record["options"]["learning_rate"]) == (5, 0.002)
    monkeypatch.setattr(VAEConfig, "suggest", lambda traits: {"latent_dim": 7, "learning_rate": 0.1})
    run, texts = train("vae", simple_pictures(), tmp_path / "run", resume=True, images_seen=2 * BATCH)
    assert not chosen(texts)
    assert (run.record["config"]["latent_dim"], run.record["options"]["learning_rate"]) == (5, 0.002)
    assert iw.load(run).config.latent_dim == 5


def test_from_another_run_takes_its_options_so_that_its_weights_fit(tmp_path: Path) -> None:
    first, _ = train("dcgan", simple_pictures(), tmp_path / "first", width=8, latent_dim=4)
    run, texts = train("dcgan", simple_pictures(), tmp_path / "run", start=str(first.path))
    assert (run.record["config"]["width"], run.record["config"]["latent_dim"]) == (8, 4)
    assert run.record["started_from"]["taken"] > 10
    assert "width 8" in chosen(texts)[0]


def test_an_unknown_suggestion_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VAEConfig, "suggest", lambda traits: {"widht": 5})
    with pytest.raises(ConfigError, match=r"suggests widht.*--defaults published"):
        train("vae", simple_pictures(), tmp_path / "run")


# Sizes


def photographs(height: int, width: int) -> np.ndarray:
    return simple_pictures(8, (height, width))


@pytest.mark.parametrize(("name", "wanted"), [("vae", (64, 88)), ("vae_gan", (64, 88)), ("dcgan", (64, 80))])
def test_photographs_are_trained_on_at_a_size_that_a_cpu_learns(
    name: str, wanted: tuple[int, int], tmp_path: Path
) -> None:
    run, texts = train(name, photographs(150, 200), tmp_path / "run", width=4)
    assert iw.load(run).config.size == wanted
    (line,) = (text for text in texts if "--size" in text)
    assert "200x150" in line
    assert f"{wanted[1]}x{wanted[0]}" in line


def test_a_given_size_is_kept(tmp_path: Path) -> None:
    run, texts = train("vae", iw.open_images(photographs(200, 300), size=(128, 160)), tmp_path / "run", width=4)
    assert iw.load(run).config.size == (128, 160)
    assert not [text for text in texts if "--size" in text]


def test_small_pictures_keep_their_size(tmp_path: Path) -> None:
    run, texts = train("vae", simple_pictures(8, (28, 30)), tmp_path / "run", width=4)
    assert iw.load(run).config.size == (28, 30)
    assert not [text for text in texts if "--size" in text]


def test_the_side_grows_with_the_time_and_with_a_gpu() -> None:
    assert [useful_side(minutes, accelerator=False) for minutes in (0.5, 4, 10, 600)] == [32, 64, 64, 64]
    assert [useful_side(minutes, accelerator=True) for minutes in (1, 60, 600)] == [64, 128, 256]


@pytest.mark.parametrize("size", [(3000, 4000), (4000, 3000), (65, 1000), (109, 89), (200, 200)])
@pytest.mark.parametrize("side", [32, 64, 128])
def test_shrinking_keeps_the_aspect_ratio_up_to_a_few_pixels(size: tuple[int, int], side: int) -> None:
    height, width = shrink(size, side)
    assert min(height, width) == side
    assert max(height, width) % 8 == 0
    assert max(height, width) == pytest.approx(side * max(size) / min(size), abs=4)


def test_a_closed_form_model_keeps_the_size_that_memory_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = photographs(96, 128)
    run = iw.train("pca", pictures, tmp_path / "own", components=3, reporter=Messages())
    assert iw.load(run).config.size == (96, 128)
    values = 3 * 96 * 128
    monkeypatch.setattr(sizes, "memory_of_rank", lambda device: sizes.BYTES_A_VALUE * values // 4)
    reporter = Messages()
    run = iw.train("pca", pictures, tmp_path / "smaller", components=3, reporter=reporter)
    assert iw.load(run).config.size == (48, 64)
    assert "memory" in next(text for text in reporter.texts if "--size" in text)
