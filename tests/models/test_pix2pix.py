"""pix2pix: the noise of its translations, which is dropout."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import simple_pictures

import imagewright as iw
from imagewright.capabilities import Target
from imagewright.layers.noise import dropout_seeds
from imagewright.models.translation.pix2pix import Pix2Pix, Pix2PixConfig
from imagewright.verbs.tiling import apply_at_any_size

SIDE = 64  # of which six halvings are possible, with dropout after the second of the doublings


def noisy_model(**options: object) -> Pix2Pix:
    """An untrained network whose layer after the dropout passes it on undamped."""
    torch.manual_seed(0)
    given = {"width": 4, "discriminator_width": 4, "size": (SIDE, SIDE)} | options
    model = Pix2Pix(Pix2PixConfig(channels=3, layer_channels={"input": 3, "target": 3}, **given))  # type: ignore[arg-type]
    for module in model.generator.modules():
        if isinstance(module, torch.nn.ConvTranspose2d):
            torch.nn.init.normal_(module.weight, std=0.2)
    return model.eval()


def pictures(count: int = 3, side: int = SIDE) -> torch.Tensor:
    return torch.from_numpy(simple_pictures(count, (side, side), 3, seed=1))


def test_styles_are_noise_of_a_seed_whatever_else_is_asked_for() -> None:
    model, given = noisy_model(), pictures()
    four = iw.translate(model, given, styles=4, seed=1)
    assert four.shape[:2] == (3, 4)
    assert len({made.numpy().tobytes() for made in four[0]}) == 4
    assert torch.equal(iw.translate(model, given[[2]], styles=2, seed=1)[0], four[2, :2])
    assert torch.equal(iw.translate(model, given, styles=1, seed=1), four[:, 0])
    assert not torch.equal(iw.translate(model, given, styles=1, seed=2), four[:, 0])


def test_a_translation_has_no_noise_unless_styles_are_asked_for() -> None:
    model, given = noisy_model(), pictures()
    plain = iw.translate(model, given)
    assert torch.equal(plain, iw.translate(model, given, seed=5))
    assert torch.equal(plain, iw.translate(noisy_model(dropout=0.0), given))
    assert not torch.equal(plain, iw.translate(model, given, styles=1))
    sheet = iw.translation_sheet(model, given, styles=2)
    assert sheet.row_labels == ["input", "target, style 0", "target, style 1"]
    assert iw.translation_sheet(model, given).row_labels == ["input", "target"]


def test_each_image_of_a_batch_has_its_own_masks() -> None:
    model = noisy_model()
    images = pictures(2).float() / 127.5 - 1
    seeds = torch.tensor([[7.0], [9.0]])
    with torch.inference_mode():
        both = model.translate(images, Target(domain=0, style=seeds))
        alone = [model.translate(images[[row]], Target(domain=0, style=seeds[[row]])) for row in range(2)]
    torch.testing.assert_close(both, torch.cat(alone), atol=1e-5, rtol=0)


def test_half_of_the_units_are_dropped_and_the_others_doubled() -> None:
    drop = next(each for each in noisy_model().generator.modules() if isinstance(each, torch.nn.Dropout))
    with dropout_seeds(torch.tensor([3.0])):
        first, second = drop(torch.ones(1, 8, 32, 32)), drop(torch.ones(1, 8, 32, 32))
    assert sorted(set(first.flatten().tolist())) == [0.0, 2.0]
    assert first.mean().item() == pytest.approx(1, abs=0.05)
    assert not torch.equal(first, second), "each layer has masks of its own"
    assert torch.equal(drop(torch.ones(1, 8, 4, 4)), torch.ones(1, 8, 4, 4)), "outside of the block nothing is dropped"


def test_networks_without_dropout_have_no_styles() -> None:
    for model in (noisy_model(dropout=0.0), noisy_model(depth=4)):
        with pytest.raises(iw.UserError, match=r"one way only.*--styles"):
            iw.translate(model, pictures(), styles=2)


def test_styles_of_references_are_refused() -> None:
    with pytest.raises(iw.UserError, match=r"noise.*--styles 4"):
        iw.translate(noisy_model(), pictures(), like=pictures(1))


def test_noise_shows_no_seams_between_tiles() -> None:
    """Beside a tile's border, neighbouring pixels differ by as much as elsewhere."""
    model = noisy_model()
    picture = pictures(1, 128)[0]
    target = Target(domain=0, style=torch.tensor([[5.0]]))
    with torch.inference_mode():
        made = apply_at_any_size(
            lambda tile: model.translate(tile, target), picture, type(model.config).nearest_size, tile=96
        )
    steps = np.abs(np.diff(made.numpy().astype(float), axis=2)).mean((0, 1))
    assert steps[24:104].max() < 3 * np.median(steps)
