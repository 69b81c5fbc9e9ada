"""StarGAN: eq. 2 to 8 worked out by hand, attributes that stay as they are, attributes chosen of a table."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import batches_of, simple_pictures, tiny_options, train_tiny
from torch import nn

import imagewright as iw
from imagewright.errors import ConfigError, DataError, UserError
from imagewright.layers.norms import AffineInstanceNorm
from imagewright.models.translation.stargan import StarGAN, StarGANConfig
from imagewright.phases import Draws, Rows, Step
from imagewright.training.annotated import choose_annotated

NAMES = ("Bright", "Red", "Wide")


def build(**options: Any) -> StarGAN:
    torch.manual_seed(0)
    usual = {"size": (16, 16), "channels": 3, "attribute_names": NAMES}
    return StarGAN(StarGANConfig(**(usual | StarGANConfig.tiny_options | options)))


def step_with(labels: torch.Tensor | None = None, attributes: torch.Tensor | None = None) -> Step:
    images = torch.from_numpy(simple_pictures(4)) / 127.5 - 1
    rows = {"labels": labels, "attributes": attributes}
    others = Rows(
        images=images.flip(0), **{name: None if each is None else each.flip(0) for name, each in rows.items()}
    )
    draws = Draws(torch.Generator().manual_seed(0), 4, 0, 4)
    return Step(images=images, **rows, index=0, images_seen=0, draws=draws, feeds={"targets": others})


def silence(network: nn.Module) -> None:
    for parameter in network.parameters():
        nn.init.zeros_(parameter)


def test_the_losses_of_a_discriminator_that_says_nothing() -> None:
    """Binary cross-entropies are summed over the attributes; without a gradient the penalty is its weight."""
    model = build(classification=2.0, penalty=7.0)
    silence(model.discriminator)
    step = step_with(attributes=torch.tensor([[0.0, 1, 1], [1, 0, 0], [1, 1, 1], [0, 0, 0]]))
    found = {name: term.item() for name, term in model.discriminator_loss(step).items()}
    assert found == pytest.approx({"critic": 0, "classification": 2 * 3 * math.log(2), "penalty": 7}, rel=1e-4)
    found = {name: term.item() for name, term in model.generator_loss(step).items()}
    assert found["adversarial"] == 0
    assert found["classification"] == pytest.approx(2 * 3 * math.log(2))


def test_classes_have_a_softmax() -> None:
    model = build(attribute_names=(), class_names=("a", "b", "c", "d", "e"))
    silence(model.discriminator)
    found = model.discriminator_loss(step_with(labels=torch.tensor([0, 1, 4, 2])))
    assert found["classification"].item() == pytest.approx(math.log(5))


def test_the_reconstruction_goes_back_to_the_images_own_labels() -> None:
    """A generator that paints its first label is right on the way back if the image has that label's colour."""

    class Paints(nn.Module):
        def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return labels[:, :1, None, None].expand_as(images).clone().requires_grad_()

    model = build(cycle=10.0)
    model.generator = Paints()
    step = step_with(attributes=torch.tensor([[0.0, 1, 1], [1, 0, 0], [1, 1, 1], [0, 0, 0]]))
    step.images = step.attributes[:, :1, None, None].expand(4, 3, 16, 16).contiguous()
    assert model.generator_loss(step)["cycle"].item() == 0
    step.images = step.images - 0.5
    assert model.generator_loss(step)["cycle"].item() == pytest.approx(5)


def test_attributes_that_are_not_asked_for_stay_as_the_classifier_sees_them() -> None:
    class SeesColours(nn.Module):
        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return images, images.mean((2, 3)) + 0.35

    model = build().eval()
    model.discriminator = SeesColours()
    pictures = torch.from_numpy(simple_pictures(12, seed=3))
    seen = (pictures / 127.5 - 1).mean((2, 3)) > -0.35
    assert 0 < int(seen.sum()) < seen.numel()
    for picture, has in zip(pictures, seen, strict=True):
        asked = dict(zip(NAMES, map(float, has), strict=True)) | {"Red": 1.0}
        one, all_of_them = (iw.translate(model, picture[None], to=to) for to in ({"Red": 1}, asked))
        assert torch.equal(one, all_of_them)


def test_attributes_of_a_large_picture_are_read_once_from_all_of_it() -> None:
    class SeesLight(nn.Module):
        calls = 0

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            self.calls += 1
            assert images.shape == (1, 3, 16, 16), "at the size of training"
            return images, images.mean((2, 3))

    model = build().eval()
    model.discriminator = sees = SeesLight()
    picture = torch.zeros(1, 3, 16, 1200, dtype=torch.uint8)  # two tiles, of which one is dark and one is bright
    picture[..., 500:] = 255
    one = iw.translate(model, picture, to={"Red": 0})
    assert sees.calls == 1
    assert torch.equal(one, iw.translate(model, picture, to=dict.fromkeys(NAMES, 1.0) | {"Red": 0}))


def test_running_statistics_are_those_of_torch() -> None:
    ours, theirs = AffineInstanceNorm(3, tracked=True), nn.InstanceNorm2d(3, affine=True, track_running_stats=True)
    maps = torch.randn(4, 3, 5, 6) * 2 + 1
    for _ in range(3):
        torch.testing.assert_close(ours(maps), theirs(maps))
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(maps), theirs.eval()(maps))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gradients_of_the_norm_are_right_in_every_layout(count: int, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    norm, maps, upstream = AffineInstanceNorm(4), torch.randn(count, 4, 6, 5), torch.randn(count, 4, 6, 5)
    nn.init.normal_(norm.weight)
    found = maps.to(memory_format=layout).clone().requires_grad_()
    norm(found).backward(upstream.to(memory_format=layout))
    exact = maps.double().requires_grad_()
    variances, means = torch.var_mean(exact, (2, 3), unbiased=False, keepdim=True)
    formula = (exact - means) / (variances + norm.eps).sqrt() * norm.weight.double()[:, None, None]
    formula.backward(upstream.double())
    torch.testing.assert_close(found.grad, exact.grad.float(), atol=1e-5, rtol=1e-4)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A folder of pictures with a table of three attributes."""
    folder = tmp_path / "faces"
    folder.mkdir()
    with (folder / "attributes.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", *NAMES])
        for place, picture in enumerate(simple_pictures(24)):
            Image.fromarray(np.moveaxis(picture, 0, 2)).save(folder / f"{place:02}.png")
            table.writerow([f"{place:02}.png", place % 2, place // 2 % 2, place % 3 // 2])
    return folder


def test_a_training_learns_the_attributes_that_were_chosen(faces: Path, tmp_path: Path) -> None:
    options = tiny_options("stargan") | {"images_seen": 16, "batch_size": 8, "report_every": 16, "checkpoint_every": 16}
    run = iw.train("stargan", faces, tmp_path / "run", attributes="Wide, Bright", **options)
    assert iw.load(run).attribute_names == ("Wide", "Bright")
    pictures = simple_pictures(2)
    assert iw.translate(run, pictures, to={"Bright": 1}).shape == pictures.shape
    with pytest.raises(UserError, match=r"no attribute 'Red'.*The 2: Wide, Bright"):
        iw.translate(run, pictures, to={"Red": 1})
    with pytest.raises(UserError, match=r"should translate to is missing.*Wide=1"):
        iw.translate(run, pictures)
    opened = iw.open_images(faces)
    run = iw.train("stargan", opened, tmp_path / "opened", attributes=["Red"], **options)
    assert iw.load(run).attribute_names == ("Red",)


def test_an_attribute_that_all_pictures_share_is_said(faces: Path, tmp_path: Path) -> None:
    table = faces / "attributes.csv"
    rows = [line.rsplit(",", 1)[0] for line in table.read_text().splitlines()]
    table.write_text("\n".join([f"{rows[0]},Round", *(f"{row},1" for row in rows[1:])]))
    opened = choose_annotated("stargan", "images", iw.open_images(faces), None)
    assert any("one value in all pictures" in note and "Round (1)" in note for note in opened.notes)
    assert not any("Bright" in note for note in opened.notes)


def test_attributes_that_cannot_be_chosen_are_refused(faces: Path) -> None:
    opened = iw.open_images(faces, attributes=("Wide", "Bright"))
    assert opened.attribute_names == ("Wide", "Bright")
    assert opened.attributes[:3].tolist() == [[0, 0], [0, 1], [1, 0]]
    with pytest.raises(DataError, match=r"no attribute 'Bigt'\. Did you mean 'Bright'\? Their attributes: Bright, Red"):
        iw.open_images(faces, attributes="Bigt")
    with pytest.raises(DataError, match="named twice"):
        iw.open_images(faces, attributes="Red,Red")
    with pytest.raises(DataError, match="no attributes to choose from"):
        iw.open_images(simple_pictures(), attributes="Red")


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="can be halved 4 times"):
        build(discriminator_layers=5)
    with pytest.raises(ConfigError, match="trained on two sets"):
        train_tiny("stargan", condition="both")


def test_a_preview_shows_every_domain_and_the_way_back() -> None:
    torch.manual_seed(0)
    model = StarGAN(StarGANConfig.tiny())
    rows = {
        name: Rows(images=batch.images / 127.5 - 1, labels=batch.labels)
        for name, batch in batches_of("stargan").items()
    }
    sheet = model.preview(rows, Draws(torch.Generator(), 8, 0, 8))
    assert list(sheet) == ["input", "to one", "to other", "and back"]
    assert not torch.equal(sheet["to one"], sheet["to other"])
