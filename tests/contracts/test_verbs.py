"""What a user may rely on, for every verb of every model of the catalogue."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright import catalogue
from imagewright.capabilities import samples_classes
from imagewright.runs.run import Run
from imagewright.verbs.apply import resolve_model

Trained = Callable[..., Run]
NAMES = list(catalogue.entries())
SHAPES = [(1, 16, 16), (3, 16, 16), (4, 16, 16), (3, 16, 24), (1, 24, 16)]


def answering(*verbs: str) -> list[str]:
    return [name for name, entry in catalogue.entries().items() if set(verbs) <= set(entry.verbs)]


def answered(source: Any, name: str) -> torch.Tensor:
    """An answer of a model: pictures of some latents where it decodes, else what it says of some pictures."""
    verbs = catalogue.entry_of(name).verbs
    if "decode" in verbs:
        shape = resolve_model(source).latent_shape
        return iw.decode(source, torch.linspace(-1, 1, 3 * math.prod(shape)).reshape(3, *shape))
    if "encode" in verbs:
        return iw.encode(source, simple_pictures(3, seed=2))
    return iw.classify(source, simple_pictures(3, seed=2))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """`trained(name, shape)`: a run of the tiny preset, made when it is first asked for."""
    folder: Path = tmp_path_factory.mktemp("runs")

    @cache
    def run_of(name: str, shape: tuple[int, int, int]) -> Run:
        channels, *size = shape
        out = folder / f"{name}-{'x'.join(map(str, shape))}"
        return train_tiny(name, simple_pictures(24, tuple(size), channels), out, steps=2)

    return lambda name, shape=(3, 16, 16): run_of(name, shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_verbs_give_the_promised_shapes_types_and_ranges(
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


@pytest.mark.parametrize("name", answering("decode"))
def test_a_model_decodes_floats_close_to_the_range_of_images(trained: Trained, name: str) -> None:
    model = iw.load(trained(name))
    with torch.inference_mode():
        images = model.decode(torch.zeros(2, *model.latent_shape))
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1 + 1e-5


@pytest.mark.parametrize("name", answering("sample"))
def test_equal_seeds_give_equal_images_in_any_count(trained: Trained, name: str) -> None:
    run = trained(name)
    many = iw.sample(run, 37, seed=3)
    for count in (1, 3, 16, 17, 33):
        assert torch.equal(iw.sample(run, count, seed=3), many[:count]), f"sample {count} of 37"
    assert not torch.equal(iw.sample(run, 37, seed=4), many)


@pytest.mark.parametrize("name", answering("sample"))
def test_samples_of_one_seed_differ_from_each_other(trained: Trained, name: str) -> None:
    latents = iw.load(trained(name))
    from imagewright.verbs.apply import sample_latents

    drawn = sample_latents(latents, 64, seed=0).flatten(1)
    assert len(drawn.unique(dim=0)) == 64
    assert drawn.mean().abs() < 0.3
    assert 0.7 < drawn.std() < 1.3


@pytest.mark.parametrize("shape", SHAPES[:4])
@pytest.mark.parametrize("name", answering("encode"))
def test_latents_and_rebuilt_images_do_not_depend_on_what_follows_in_the_set(
    trained: Trained, name: str, shape: tuple[int, int, int]
) -> None:
    run = trained(name, shape)
    pictures = simple_pictures(37, shape[1:], shape[0], seed=5)
    latents, rebuilt = iw.encode(run, pictures), iw.reconstruct(run, pictures)
    for count in (1, 5, 16, 20):
        assert torch.equal(iw.encode(run, pictures[:count]), latents[:count]), f"encode {count} of 37"
        assert torch.equal(iw.reconstruct(run, pictures[:count]), rebuilt[:count]), f"reconstruct {count} of 37"


@pytest.mark.parametrize("shape", SHAPES[:4])
@pytest.mark.parametrize("name", answering("score"))
def test_scores_do_not_depend_on_what_follows_in_the_set(
    trained: Trained, name: str, shape: tuple[int, int, int]
) -> None:
    run = trained(name, shape)
    pictures = simple_pictures(37, shape[1:], shape[0], seed=5)
    scores = iw.score(run, pictures, samples=3)
    for count in (1, 5, 16, 20):
        assert torch.equal(iw.score(run, pictures[:count], samples=3), scores[:count]), f"score {count} of 37"


@pytest.mark.parametrize("name", answering("reconstruct"))
def test_to_reconstruct_is_to_encode_and_decode(trained: Trained, name: str) -> None:
    run = trained(name)
    pictures = simple_pictures(20, seed=5)
    assert torch.equal(iw.reconstruct(run, pictures), iw.decode(run, iw.encode(run, pictures)))


@pytest.mark.parametrize("name", answering("encode"))
def test_images_of_another_size_and_colour_are_brought_to_the_models(trained: Trained, name: str) -> None:
    run = trained(name, (1, 24, 16))
    wide = simple_pictures(3, (40, 64), 3)
    assert iw.encode(run, wide).shape[0] == 3
    fitting = iw.open_images(wide, size=(24, 16), channels=1)
    assert torch.equal(iw.encode(run, wide), iw.encode(run, fitting))


@pytest.mark.parametrize("name", NAMES)
def test_a_run_its_path_its_weights_and_its_model_answer_the_same(trained: Trained, name: str) -> None:
    run = trained(name)
    model = iw.load(run)
    expected = answered(model, name)
    for source in (run, run.path, str(run.path), run.checkpoints()[-1].weights):
        assert torch.equal(answered(source, name), expected)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_saved_and_loaded_gives_equal_outputs(trained: Trained, name: str, tmp_path: Path) -> None:
    from imagewright.runs.weights import write_tensors

    model = iw.load(trained(name))
    record = {"model": name, "config": trained(name).record["config"]}
    again = Run.create(tmp_path / "again", record)
    write_tensors(again.checkpoint_at(5).weights, model.state_dict(), record | {"images_seen": 5})
    loaded = iw.load(again)
    assert loaded.config == model.config
    assert torch.equal(answered(loaded, name), answered(model, name))
    if "score" in catalogue.entry_of(name).verbs:
        pictures = simple_pictures(4, seed=2)
        assert torch.equal(iw.score(again, pictures, samples=2), iw.score(model, pictures, samples=2))


@pytest.mark.parametrize("name", answering("sample"))
def test_the_last_grid_of_a_run_shows_what_its_saved_model_samples(trained: Trained, name: str) -> None:
    import numpy as np
    from PIL import Image

    from imagewright.output.grids import plain_grid

    run = trained(name)
    last = max(run.path.glob("samples/*.png"))
    seed = run.record["seed"]
    model = iw.load(run)
    if samples_classes(model):  # a column a class
        by_class = [iw.sample(run, 8, seed=seed, label=label) for label in model.class_names]
        again = plain_grid(torch.stack(by_class, dim=1).flatten(0, 1), columns=len(by_class))
    else:
        again = plain_grid(iw.sample(run, 64, seed=seed), columns=8)
    with Image.open(last) as grid:
        assert grid.size == again.size
        difference = np.abs(np.asarray(grid, np.int16) - np.asarray(again, np.int16))
    # The loop's convolutions are channels_last, a loaded model's are not: a pixel may round the other way.
    assert difference.max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_model_is_in_evaluation_mode_and_verbs_leave_a_model_as_it_was(trained: Trained, name: str) -> None:
    model = iw.load(trained(name))
    assert not model.training
    model.train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    answered(model, name)
    if "score" in catalogue.entry_of(name).verbs:
        iw.score(model, simple_pictures(2), samples=1)
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
