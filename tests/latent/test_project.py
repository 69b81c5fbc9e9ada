"""Projection: a model's own samples are found again, and latents stay within the range of the prior."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import simple_pictures, tiny_model, train_tiny
from torch import nn

import imagewright as iw
from imagewright import catalogue
from imagewright.errors import DataError, UserError
from imagewright.images.float_stream import FloatStream
from imagewright.latent.inputs import resolve_inputs
from imagewright.latent.projection import search
from imagewright.model import Model
from imagewright.pixels import to_float
from imagewright.verbs.apply import sample_latents

QUICK = {"candidates": 128, "starts": 4}
SMALL = {"size": (8, 8), "channels": 1}


class WithoutEncoder(Model):
    """A model's prior and decoder alone."""

    def __init__(self, whole: Model) -> None:
        super().__init__(whole.config)
        self.whole = whole
        self.latent_shape = whole.latent_shape

    def sample_latents(self, count: int, generator: torch.Generator) -> torch.Tensor:
        return self.whole.sample_latents(count, generator)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return self.whole.decode(latents)


def lively(name: str, **options: object) -> Model:
    """An untrained model with larger weights, so that its samples differ; by default they are almost grey."""
    model = tiny_model(name, **SMALL, **options).eval()
    for module in model.generator.modules():
        if isinstance(module, nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0, 0.15)
    return model


@pytest.fixture(scope="module")
def pca() -> Model:
    model = catalogue.model_class("pca")
    fitted = model(model.Config(size=(16, 16), channels=3, components=6))
    fitted.fit(FloatStream(iw.open_images(simple_pictures(64))))
    return fitted.eval()


def test_own_samples_of_a_gan_are_found_again() -> None:
    model = lively("dcgan")
    samples = iw.sample(model, 2, seed=5)
    found = iw.project(model, samples, steps=120, **QUICK)
    assert (found.errors.rmse < 0.1 * found.start_errors.rmse).all()
    assert (found.errors.psnr > 35).all()
    assert (found.errors.perceptual < 0.1).all()
    assert torch.equal(iw.decode(model, found.latents), found.reconstruction)
    assert found.perceptual_space == "the model's own features"
    assert found.notes == ()


def test_without_its_encoder_pca_is_projected_to_the_encoded_latents(pca: Model) -> None:
    pictures = iw.sample(pca, 2, seed=2)
    found = iw.project(WithoutEncoder(pca), pictures, perceptual=0, steps=150, **QUICK)
    assert found.started_at == "best start"
    assert torch.allclose(found.latents, iw.encode(pca, pictures), atol=0.03)
    assert found.perceptual_space == "structure at every scale"


def test_the_encoded_latent_is_the_start_and_is_refined() -> None:
    model = tiny_model("vae").eval()
    pictures = simple_pictures(3)
    found = iw.project(model, pictures, steps=20)
    assert found.started_at == "encoded"
    assert torch.equal(found.starts, iw.reconstruct(model, pictures))
    assert (found.errors.rmse < found.start_errors.rmse).all()


def test_a_search_that_makes_matters_worse_returns_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "LEARNING_RATE", {"sampled": 100.0, "encoded": 100.0})
    model = lively("dcgan")
    found = iw.project(model, iw.sample(model, 1, seed=5), steps=1, **QUICK)
    assert torch.equal(found.reconstruction, found.starts)
    assert torch.equal(found.errors.rmse, found.start_errors.rmse)


def test_picture_files_are_projected_saved_and_shown(tmp_path: Path) -> None:
    run = train_tiny("vae", simple_pictures(), tmp_path / "run")
    for name in ("anna", "ben"):
        Image.fromarray(simple_pictures(1, (20, 20))[0].transpose(1, 2, 0)).save(tmp_path / f"{name}.png")
    files = [tmp_path / "anna.png", tmp_path / "ben.png"]
    found = iw.project(run, files, steps=2, save="people", **QUICK)
    assert found.labels == ("anna", "ben")
    assert "anna.png is resized from 20x20 to 16x16" in found.notes[0]
    assert found.saved == run.path / "latents" / "people.safetensors"
    assert torch.equal(resolve_inputs(run, ["people"]).latents, found.latents)
    assert [line.split(":")[0] for line in found.lines()] == ["anna", "ben"]
    assert json.loads(json.dumps(found.to_dict()))["names"] == ["anna", "ben"]
    sheet = found.sheet()
    assert sheet.column_labels == ["anna", "ben"]
    assert torch.equal(torch.as_tensor(sheet.images), torch.cat([found.images, found.starts, found.reconstruction]))
    assert sheet.record is not None
    assert sheet.record["run"] == "run"
    with pytest.raises(UserError, match="give the run's folder"):
        iw.project(iw.load(run), files, save="again")


def test_latents_stay_within_the_norms_of_samples(pca: Model) -> None:
    loud = torch.randint(0, 256, (1, 3, 16, 16), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    black_and_white = (loud > 127).to(torch.uint8) * 255
    only = WithoutEncoder(pca)
    found = iw.project(only, black_and_white, perceptual=0, steps=60, **QUICK)
    longest = sample_latents(only, 1000).norm(dim=1).max()
    assert found.latents.norm() < 1.3 * longest
    far = pca.mean.new_ones(1, 6) * 30
    beyond = iw.project(only, iw.decode(pca, far), perceptual=0, steps=60, **QUICK)
    assert beyond.latents.norm() < 1.3 * longest


def test_the_result_for_a_picture_does_not_depend_on_the_others() -> None:
    model = lively("dcgan")
    pictures = torch.from_numpy(simple_pictures(3, **SMALL))
    together = iw.project(model, pictures, steps=10, **QUICK)
    alone = iw.project(model, pictures[2:], steps=10, **QUICK)
    assert torch.equal(together.latents[2:], alone.latents)
    again = iw.project(model, pictures[2:], steps=10, **QUICK)
    assert torch.equal(again.latents, alone.latents)


def test_every_category_is_tried_and_stays_one_hot() -> None:
    model = lively("cgan")
    wanted = iw.sample(model, 2, seed=3, label="other")
    found = iw.project(model, wanted, steps=60, **QUICK)
    noise = model.config.latent_dim
    assert found.latents[:, noise:].tolist() == [[0, 1], [0, 1]]
    given = iw.project(model, wanted, label="one", steps=5, **QUICK)
    assert given.latents[:, noise:].tolist() == [[1, 0], [1, 0]]
    assert (given.errors.rmse > found.errors.rmse).all()
    with pytest.raises(UserError, match="Did you mean 'other'"):
        iw.project(model, wanted, label="othr")


def test_other_classes_than_the_encoders_are_tried() -> None:
    model = tiny_model("vae", condition="labels").eval()
    for label in ("one", "other"):
        shown = iw.sample(model, 1, seed=2, label=label)
        condition = [float(label == "one"), float(label == "other")]
        assert iw.project(model, shown, steps=20).latents[0, 4:].tolist() == condition
        assert iw.project(model, shown, steps=2, label="other").latents[0, 4:].tolist() == [0, 1]


def test_codes_stay_within_their_bounds() -> None:
    model = lively("infogan")
    far = sample_latents(model, 1, seed=1)
    far[:, -2:] = torch.tensor([3.0, -3.0])
    found = iw.project(model, iw.decode(model, far), steps=30, **QUICK)
    codes, category = found.latents[0, -2:], found.latents[0, model.config.latent_dim : -2]
    assert (codes.abs() <= 1 + 1e-6).all()
    assert sorted(category.tolist()) == [0, 0, 1]


def test_the_model_is_left_unchanged() -> None:
    model = lively("dcgan").train()
    model.discriminator.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.inference_mode():
        iw.project(model, simple_pictures(1, **SMALL), steps=3, **QUICK)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(parameter.requires_grad for parameter in model.generator.parameters())
    assert not any(parameter.requires_grad for parameter in model.discriminator.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_decoder_without_gradients_keeps_the_encoded_latent() -> None:
    model = catalogue.model_class("jpeg")
    codec = model(model.Config(size=(16, 16), channels=3))
    codec.fit(FloatStream(iw.open_images(simple_pictures())))
    found = iw.project(codec, simple_pictures(2))
    assert torch.allclose(found.latents, iw.encode(codec, simple_pictures(2)), atol=1e-3)


def test_a_note_says_that_the_model_cannot_show_a_picture(pca: Model) -> None:
    checks = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    checks[:, :, ::2, ::2] = checks[:, :, 1::2, 1::2] = 255
    assert "not to be found in this" in iw.project(WithoutEncoder(pca), checks, steps=20, **QUICK).notes[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"starts": 0}, "starts=0"),
        ({"candidates": 0}, "candidates=0"),
        ({"steps": -1}, "steps=-1"),
        ({"perceptual": float("nan")}, "perceptual=nan"),
        ({"label": 3}, "no class in the latents of dcgan"),
    ],
)
def test_errors_of_options(options: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        iw.project(tiny_model("dcgan"), simple_pictures(1), **options)


def test_a_search_is_watched_and_ended() -> None:
    seen: list[tuple[int, int, tuple[int, ...]]] = []

    def watch(done: int, total: int, nearest: torch.Tensor) -> bool:
        seen.append((done, total, tuple(nearest.shape)))
        return len(seen) < 3

    found = iw.project(tiny_model("dcgan"), simple_pictures(1), steps=40, watch=watch, **QUICK)
    assert seen == [(0, 40, (3, 16, 16)), (5, 40, (3, 16, 16)), (10, 40, (3, 16, 16))]
    assert found.latents.shape[0] == 1


def test_a_model_that_does_not_decode() -> None:
    with pytest.raises(UserError, match="logistic_regression cannot decode"):
        iw.project(tiny_model("logistic_regression"), simple_pictures(1))


def test_a_picture_is_an_input_of_a_model_without_encoder(tmp_path: Path) -> None:
    model = lively("dcgan")
    sample = iw.sample(model, 1, seed=4)
    path = tmp_path / "anna.png"
    Image.fromarray(sample[0, 0].numpy()).save(path)
    found = resolve_inputs(model, [path, 7], model=model)
    assert found.labels == ["anna", "seed 7"]
    assert found.has_pictures
    assert "anna.png is projected, since dcgan has no encoder" in found.notes[0]
    shown = to_float(iw.decode(model, found.latents[:1]))
    assert float((shown - to_float(sample)).square().mean()) < 0.02
    path.write_bytes(b"no picture")
    with pytest.raises(DataError, match="cannot be read"):
        resolve_inputs(model, [path], model=model)
