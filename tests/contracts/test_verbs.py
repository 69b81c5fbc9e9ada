"""What users rely on, for every verb of every model of the catalogue: shapes, ranges, and independence of the batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from skeletons import SKELETONS
from tiny import parameters, simple_pictures, train_tiny

import imagewright as iw
from imagewright import catalogue
from imagewright.capabilities import samples_classes
from imagewright.runs.run import Run
from imagewright.seeds import derive_seeds
from imagewright.verbs.apply import resolve_model, sample_latents

Trained = Callable[..., Run]
LISTED = catalogue.entries() | SKELETONS
ANSWERING = [name for name, entry in LISTED.items() if entry.verbs]
SHAPES = [(3, 16, 16), (4, 16, 24), (1, 24, 16)]


def models_with(*verbs: str) -> list[str]:
    return [name for name, entry in LISTED.items() if set(verbs) <= set(entry.verbs)]


def one_result(source: Any, name: str) -> torch.Tensor:
    """Decoded images if the model decodes, else what its first verb makes of some pictures."""
    verbs = catalogue.entry_of(name).verbs
    if "decode" in verbs:
        shape = resolve_model(source).latent_shape
        return iw.decode(source, torch.linspace(-1, 1, 3 * math.prod(shape)).reshape(3, *shape))
    if "encode" in verbs:
        return iw.encode(source, simple_pictures(3, seed=2))
    if "translate" in verbs:
        return translated(source, simple_pictures(3, seed=2))
    return iw.classify(source, simple_pictures(3, seed=2))


def translated(source: Any, pictures: Any) -> torch.Tensor:
    """Pictures translated to the last domain of a model, or like two others if it has no domains."""
    domains = resolve_model(source).domains
    return iw.translate(source, pictures, **({"to": domains[-1]} if domains else {"like": simple_pictures(2, seed=3)}))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """`trained(name, shape)`: a run of the tiny preset, trained once."""
    folder: Path = tmp_path_factory.mktemp("runs")

    @cache
    def train(name: str, shape: tuple[int, int, int]) -> Run:
        channels, *size = shape
        out = folder / f"{name}-{'x'.join(map(str, shape))}"
        return train_tiny(name, simple_pictures(24, tuple(size), channels), out, steps=1)

    return lambda name, shape=(3, 16, 16): train(name, shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", parameters(ANSWERING))
def test_verbs_return_the_documented_shapes_types_and_ranges(
    trained: Trained, name: str, shape: tuple[int, int, int]
) -> None:
    run = trained(name, shape)
    model = iw.load(run)
    verbs = catalogue.entry_of(name).verbs
    pictures = torch.from_numpy(simple_pictures(5, shape[1:], shape[0], seed=7))
    made: dict[str, torch.Tensor] = {}
    if "sample" in verbs:
        made["sample"] = iw.sample(run, 5)
    if "decode" in verbs:
        made["decode"] = iw.decode(run, torch.zeros(5, *model.latent_shape))
    if "reconstruct" in verbs:
        made["reconstruct"] = iw.reconstruct(run, pictures)
    if "translate" in verbs:
        made["translate"] = translated(run, pictures)
    for verb, images in made.items():
        assert images.shape == (5, *shape), verb
        assert images.dtype == torch.uint8, verb
    if "encode" in verbs:
        latents = iw.encode(run, pictures)
        assert latents.shape == (5, *model.latent_shape)
        assert latents.dtype == torch.float32
        assert torch.isfinite(latents).all()
    if "score" in verbs:
        scores = iw.score(run, pictures, samples=2)
        assert scores.shape == (5,)
        assert scores.dtype == torch.float32
        assert torch.isfinite(scores).all()
        assert model.score_unit


@pytest.mark.parametrize("name", parameters(models_with("decode")))
def test_decoded_floats_are_in_the_range_of_images(trained: Trained, name: str) -> None:
    model = iw.load(trained(name))
    with torch.inference_mode():
        images = model.decode(torch.zeros(2, *model.latent_shape))
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1 + 1e-5


@pytest.mark.parametrize("name", parameters(models_with("sample")))
def test_samples_of_a_seed_are_the_same_for_any_count(trained: Trained, name: str) -> None:
    model = iw.load(trained(name))
    many = iw.sample(model, 37, seed=3)
    for count in (1, 3, 16, 17, 33):
        assert torch.equal(iw.sample(model, count, seed=3), many[:count]), f"sample {count} of 37"
    assert not torch.equal(iw.sample(model, 37, seed=4), many)


@pytest.mark.parametrize("name", parameters(models_with("sample")))
def test_latents_of_many_seeds_are_those_of_each_seed_alone(trained: Trained, name: str) -> None:
    model = iw.load(trained(name, (3, 16, 16)))
    seeds = list(derive_seeds(3, "sample", numbers=range(20)))
    alone = torch.cat([model.sample_latents(1, torch.Generator().manual_seed(seed)) for seed in seeds])
    found = sample_latents(model, 20, seed=3)
    assert torch.equal(found, alone)
    assert not found.is_inference()  # tools that search latents take gradients with respect to them


@pytest.mark.parametrize("name", parameters(models_with("sample")))
def test_samples_of_one_seed_differ_from_each_other(trained: Trained, name: str) -> None:
    model = iw.load(trained(name))
    latents = sample_latents(model, 64, seed=0).flatten(1)
    assert len(latents.unique(dim=0)) == 64
    assert latents.mean().abs() < 0.3
    assert 0.7 < latents.std() < 1.3


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", parameters(models_with("encode")))
def test_latents_and_reconstructions_do_not_depend_on_the_images_after_them(
    trained: Trained, name: str, shape: tuple[int, int, int]
) -> None:
    model = iw.load(trained(name, shape))
    pictures = simple_pictures(37, shape[1:], shape[0], seed=5)
    latents, rebuilt = iw.encode(model, pictures), iw.reconstruct(model, pictures)
    for count in (1, 5, 16, 20):
        assert torch.equal(iw.encode(model, pictures[:count]), latents[:count]), f"encode {count} of 37"
        assert torch.equal(iw.reconstruct(model, pictures[:count]), rebuilt[:count]), f"reconstruct {count} of 37"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", parameters(models_with("score")))
def test_scores_do_not_depend_on_the_images_after_them(
    trained: Trained, name: str, shape: tuple[int, int, int]
) -> None:
    model = iw.load(trained(name, shape))
    pictures = simple_pictures(37, shape[1:], shape[0], seed=5)
    scores = iw.score(model, pictures, samples=3)
    for count in (1, 5, 16, 20):
        assert torch.equal(iw.score(model, pictures[:count], samples=3), scores[:count]), f"score {count} of 37"


@pytest.mark.parametrize("name", parameters(models_with("reconstruct")))
def test_reconstruct_is_encode_then_decode(trained: Trained, name: str) -> None:
    model = iw.load(trained(name))
    pictures = simple_pictures(20, seed=5)
    assert torch.equal(iw.reconstruct(model, pictures), iw.decode(model, iw.encode(model, pictures)))


@pytest.mark.parametrize("name", parameters(models_with("encode")))
def test_images_of_another_size_and_other_channels_are_converted(trained: Trained, name: str) -> None:
    model = iw.load(trained(name, (1, 24, 16)))
    wide = simple_pictures(3, (40, 64), 3)
    encoded = iw.encode(model, wide)
    assert encoded.shape[0] == 3
    assert torch.equal(encoded, iw.encode(model, iw.open_images(wide, size=(24, 16), channels=1)))


@pytest.mark.parametrize("name", parameters(ANSWERING))
def test_a_run_its_path_its_weights_and_its_model_give_equal_results(trained: Trained, name: str) -> None:
    run = trained(name)
    model = iw.load(run)
    expected = one_result(model, name)
    for source in (run, run.path, str(run.path), run.checkpoints()[-1].weights):
        assert torch.equal(one_result(source, name), expected)


@pytest.mark.parametrize("name", parameters(ANSWERING))
def test_a_saved_and_loaded_model_gives_equal_results(trained: Trained, name: str, tmp_path: Path) -> None:
    from imagewright.runs.weights import write_tensors

    model = iw.load(trained(name))
    record = {"model": name, "config": trained(name).record["config"]}
    again = Run.create(tmp_path / "again", record)
    write_tensors(again.checkpoint_at(5).weights, model.state_dict(), record | {"images_seen": 5})
    loaded = iw.load(again)
    assert loaded.config == model.config
    assert torch.equal(one_result(loaded, name), one_result(model, name))
    if "score" in catalogue.entry_of(name).verbs:
        pictures = simple_pictures(4, seed=2)
        assert torch.equal(iw.score(again, pictures, samples=2), iw.score(model, pictures, samples=2))


@pytest.mark.parametrize("name", parameters(models_with("sample")))
def test_the_last_preview_of_a_run_shows_samples_of_its_saved_model(trained: Trained, name: str) -> None:
    import numpy as np
    from PIL import Image

    from imagewright.output.grids import plain_grid

    run = trained(name)
    last = max(run.path.glob("samples/*.png"))
    seed = run.record["seed"]
    model = iw.load(run)
    if samples_classes(model):  # a column a class
        by_class = [iw.sample(model, 8, seed=seed, label=label) for label in model.class_names]
        again = plain_grid(torch.stack(by_class, dim=1).flatten(0, 1), columns=len(by_class))
    else:
        again = plain_grid(iw.sample(model, 64, seed=seed), columns=8)
    with Image.open(last) as grid:
        assert grid.size == again.size
        difference = np.abs(np.asarray(grid, np.int16) - np.asarray(again, np.int16))
    # Training runs convolutions in channels_last and a loaded model does not, so a pixel may round differently.
    assert difference.max() <= 1


@pytest.mark.parametrize("name", parameters(ANSWERING))
def test_a_loaded_model_is_in_evaluation_mode_and_verbs_do_not_change_a_model(trained: Trained, name: str) -> None:
    model = iw.load(trained(name))
    assert not model.training
    model.train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    one_result(model, name)
    if "score" in catalogue.entry_of(name).verbs:
        iw.score(model, simple_pictures(2), samples=1)
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
