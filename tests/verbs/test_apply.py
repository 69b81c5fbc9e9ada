"""The public verbs: pixels, latents, sources, and errors for wrong arguments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import simple_pictures, tiny_model, train_tiny

import imagewright as iw
from imagewright.errors import DataError, RunError, UserError
from imagewright.model import Model
from imagewright.pixels import to_float, to_uint8
from imagewright.verbs.apply import add_noise, decode_quickly, sample_latents


@pytest.fixture(scope="module")
def vae() -> Model:
    return tiny_model("vae").eval()


# Pixels


def test_grey_levels_are_unchanged_by_conversion_to_floats_and_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    floats = to_float(levels)
    assert (floats.min(), floats.max(), floats.dtype) == (-1, 1, torch.float32)
    assert torch.equal(to_uint8(floats), levels)


def test_values_outside_the_range_are_clipped_and_others_rounded() -> None:
    floats = torch.tensor([-7.0, 7.0, 0.004, -0.004, float("inf")])
    assert to_uint8(floats).tolist() == [0, 255, 128, 127, 255]


# Latents


@pytest.mark.parametrize("shape", [(3, 5), (3,), (4,), (3, 4, 1), (3, 2, 2), ()])
def test_latents_of_another_shape_are_refused(vae: Model, shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=r"Latents of shape \(.*\), but vae decodes \(N, 4\)"):
        iw.decode(vae, torch.zeros(shape))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_latents_that_are_not_finite_are_refused(vae: Model, value: float) -> None:
    with pytest.raises(UserError, match="not finite numbers"):
        iw.decode(vae, torch.tensor([[0, 0, value, 0]]))


def test_weights_that_are_not_numbers_are_refused_not_shown_as_black() -> None:
    model = tiny_model("dcgan")
    next(model.parameters()).data.fill_(float("nan"))
    with pytest.raises(RunError, match="not finite numbers: its weights are damaged"):
        iw.sample(model, 1)


def test_latents_may_be_arrays_of_any_numeric_type_or_require_gradients(vae: Model) -> None:
    latents = np.arange(8).reshape(2, 4) / 4
    expected = iw.decode(vae, torch.tensor(latents, dtype=torch.float32))
    tracked = torch.tensor(latents, dtype=torch.float32, requires_grad=True)
    for given in (latents, latents.astype(np.float16), tracked, torch.tensor(latents).bfloat16()):
        assert torch.equal(iw.decode(vae, given), expected)
    assert iw.decode(vae, np.zeros((0, 4))).shape == (0, 3, 16, 16)


# Numbers


@pytest.mark.parametrize("count", [0, -3])
def test_at_least_one_picture(vae: Model, count: int) -> None:
    with pytest.raises(UserError, match=f"count={count}, but there must be at least one picture"):
        iw.sample(vae, count)


def test_at_least_one_importance_sample(vae: Model) -> None:
    with pytest.raises(UserError, match="samples=0, but a score needs at least one"):
        iw.score(vae, simple_pictures(1), samples=0)


@pytest.mark.parametrize("seed", [0, -1, 2**62])
def test_any_seed_of_64_bits(vae: Model, seed: int) -> None:
    assert iw.sample(vae, 1, seed=seed).shape == (1, 3, 16, 16)


def test_a_seed_beyond_64_bits_is_refused(vae: Model) -> None:
    with pytest.raises(UserError, match="seed"):
        iw.sample(vae, 1, seed=2**64)


# Models and sources


@pytest.mark.parametrize(("name", "verb"), [("dcgan", "encode"), ("dcgan", "reconstruct"), ("autoencoder", "sample")])
def test_a_verb_that_a_model_does_not_answer(name: str, verb: str) -> None:
    model = tiny_model(name)
    with pytest.raises(UserError, match=rf"{name} cannot {verb}: it can .*`imagewright models` shows which models can"):
        getattr(iw, verb)(model, simple_pictures(1)) if verb != "sample" else iw.sample(model)


def test_what_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="There is no run directory"):
        iw.sample(tmp_path / "none")
    with pytest.raises(RunError, match=r"has no run\.json"):
        iw.sample(tmp_path)
    (tmp_path / "file.txt").write_text("text")
    with pytest.raises(RunError, match="holds no weights: expected the directory of a run"):
        iw.sample(tmp_path / "file.txt")


def test_weights_of_other_programs_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "theirs.safetensors")
    with pytest.raises(RunError, match="was not written by imagewright: `imagewright import`"):
        iw.load(tmp_path / "theirs.safetensors")


def test_float_images_are_refused(vae: Model) -> None:
    with pytest.raises(DataError):
        iw.encode(vae, torch.zeros(2, 3, 16, 16))


def test_images_may_be_a_folder_an_array_or_a_tensor(vae: Model, tmp_path: Path) -> None:
    from PIL import Image

    pictures = simple_pictures(3)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture.transpose(1, 2, 0)).save(tmp_path / f"{number}.png")
    expected = iw.encode(vae, pictures)
    for source in (torch.from_numpy(pictures), tmp_path, str(tmp_path), iw.open_images(pictures)):
        assert torch.equal(iw.encode(vae, source), expected)


def test_blocks_are_numbered_throughout_a_large_set(vae: Model) -> None:
    """More pictures than are read at once: random numbers are not repeated in the second part."""
    pictures = np.repeat(simple_pictures(1, (16, 16)), 1024 + 5, axis=0)
    scores = iw.score(vae, pictures, samples=1)
    assert scores.shape == (1029,)
    assert len(scores.unique()) > 900, "the second part repeats the random numbers of the first"


def test_noise_is_added_as_in_training() -> None:
    pictures = simple_pictures(20)
    noisy = add_noise(tiny_model("autoencoder", noise="mask:0.5"), pictures)
    black = (noisy == 0).all(1).float().mean()
    assert black.item() == pytest.approx(0.5, abs=0.05)
    assert not torch.equal(noisy[0] == 0, noisy[17] == 0)
    assert add_noise(tiny_model("autoencoder"), pictures) is None
    assert add_noise(tiny_model("vae"), pictures) is None


def test_latent_k_of_a_seed_is_the_same_for_any_count(vae: Model) -> None:
    assert torch.equal(sample_latents(vae, 3, 5), sample_latents(vae, 8, 5)[:3])
    assert not torch.equal(sample_latents(vae, 3, 5), sample_latents(vae, 3, 6))


def test_a_run_by_its_path_as_text(tmp_path: Path) -> None:
    run = train_tiny("autoencoder", simple_pictures(), tmp_path / "run", steps=1)
    assert iw.reconstruct(f"{run.path}", simple_pictures(2)).shape == (2, 3, 16, 16)
    assert repr(run) == f"Run({str(run.path)!r})"


def test_one_picture_decoded_quickly_is_the_picture_up_to_a_grey_level() -> None:
    model = tiny_model("dcgan", size=(32, 32), width=64)  # up to 256 channels on its first map
    latents = sample_latents(model, 1, seed=3)
    difference = decode_quickly(model, latents).int() - iw.decode(model, latents).int()
    assert difference.abs().max() <= 1
