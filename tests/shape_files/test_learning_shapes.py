"""What models learn of sprites, measured: the factors of `shapes` are known, so that the right answer is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import imagewright as iw
from imagewright.images import Images
from imagewright.images.shapes.measuring import MeasuredSprites
from imagewright.training.reporting import Silent

SIDE = 32
pytestmark = pytest.mark.learning


def train(model: str, images: Any, out: Path, **options: Any) -> iw.Run:
    given = {} if isinstance(images, Images) else {"size": SIDE}
    return iw.train(model, images, out / model, reporter=Silent(), seed=0, **given, **options)


def kept(run: iw.Run, against: Any) -> dict[str, float]:
    found = iw.evaluate(run, against, metrics="kept_factors:pictures=200", device="cpu", save=False)
    return {score.output: score.value for score in found.scores}


def measured(pictures: torch.Tensor) -> MeasuredSprites:
    return iw.measure_sprites(pictures.permute(0, 2, 3, 1).contiguous().numpy())


def test_a_vae_keeps_place_and_hue_and_its_latents_tell_them(tmp_path: Path) -> None:
    run = train("vae", "shapes:count=4000", tmp_path, latent_dim=8, width=16, sigma=0.25, beta=2.0, images_seen=24_000)
    new = "shapes:count=600,seed=9"
    found = kept(run, new)
    assert found["kept_found"] > 0.95
    assert found["kept_place"] < 0.05  # two sprites at random are 0.16 apart
    assert found["kept_hue"] < 25  # and 90 degrees
    told = iw.latent_factors(run, new).measured
    predicted = dict(zip(told.factors, told.predicted, strict=True))
    assert min(predicted[name] for name in ("x", "y", "background")) > 0.75
    assert predicted["turn"] < 0.3


def test_a_dcgan_puts_sprites_where_the_set_has_them(tmp_path: Path) -> None:
    run = train("dcgan", "shapes:count=4000", tmp_path, width=16, batch_size=32, images_seen=30_000)
    found = measured(iw.sample(run, 200, seed=1))
    assert found.found.mean() > 0.7
    real = iw.open_images("shapes:count=4000").factors
    assert real is not None
    for name, column in (("x", 3), ("y", 4)):
        places = getattr(found, name)[found.found]
        assert places.mean() == pytest.approx(0.5, abs=0.04)
        assert places.std() == pytest.approx(real[:, column].std(), rel=0.5)


def sides() -> Images:
    """Sprites of two classes: at the left, and at the right."""
    images = iw.open_images("shapes:count=4000", SIDE)
    assert images.factors is not None
    images = images.with_flip(False)  # a mirrored sprite would be of the other class
    return images.with_labels((images.factors[:, 3] > 0.5).astype(np.int64), ("left", "right"))


def test_a_conditional_gan_draws_the_side_that_is_asked_for(tmp_path: Path) -> None:
    run = train("cgan", sides(), tmp_path, width=16, batch_size=32, images_seen=30_000)
    left, right = (measured(iw.sample(run, 100, seed=1, label=label)) for label in ("left", "right"))
    assert min(left.found.mean(), right.found.mean()) > 0.7
    assert (left.x[left.found] < 0.5).mean() > 0.85
    assert (right.x[right.found] > 0.5).mean() > 0.85


def test_pix2pix_finds_the_place_and_the_shape_of_a_sprite(tmp_path: Path) -> None:
    """From sprites to label maps in colours: there is one right answer.

    From outlines to sprites there is none: the hue cannot be known, and a young generator fills an outline with patches
    of several hues and grey between them. The eye sees the shape; the measure, of the colourful part, does not.
    """
    options = {"network": "resnet", "blocks": 2, "width": 12, "discriminator_width": 12, "direction": "BtoA"}
    pairs = "shapes:label-pairs,count=2000"
    run = train("pix2pix", pairs, tmp_path, batch_size=4, learning_rate=1e-3, images_seen=6_400, **options)
    found = kept(run, iw.open_images("shapes:label-pairs,count=200,seed=9", SIDE, layers=("target", "input")))
    assert found["kept_found"] > 0.9
    assert found["kept_place"] < 0.03
    assert found["kept_shape"] > 0.3  # by chance 1/7


def test_cyclegan_keeps_the_place_while_the_stripes_go(tmp_path: Path) -> None:
    domains = {"a": "shapes:striped,count=3000", "b": "shapes:dotted,count=3000,seed=1"}
    options = {"blocks": 2, "width": 16, "discriminator_width": 16}
    run = train("cyclegan", domains, tmp_path, batch_size=8, learning_rate=5e-4, images_seen=3_200, **options)
    found = kept(run, iw.open_images("shapes:striped,count=200,seed=9", SIDE))
    assert found["kept_found"] > 0.9
    assert found["kept_place"] < 0.06  # two sprites at random are 0.16 apart
    assert found["kept_texture"] < 0.3


def test_a_swap_keeps_the_pose_and_draws_the_source(tmp_path: Path) -> None:
    for name, count, seed in (("people", 150, 0), ("new", 60, 9)):
        iw.make_shapes(tmp_path / name, "people", count=count, size=SIDE, seed=seed)
    widths = {"encoder_width": 12, "code": 64, "inner_width": 32, "decoder_width": 4, "mask_width": 1}
    people = {"a": str(tmp_path / "people" / "anna"), "b": str(tmp_path / "people" / "bert")}
    options = {"preset": "small", "batch_size": 8, "learning_rate": 2e-3, "precision": "fp32", **widths}
    run = train("swap", people, tmp_path, consent="self", images_seen=8_000, **options)
    scores = iw.evaluate(run, tmp_path / "new" / "bert", metrics="kept_pose", device="cpu", save=False).scores
    found = {score.output: score for score in scores}
    assert found["kept_head"].value > 0.9
    assert found["kept_pose_source"].value > 0.9
    assert found["kept_pose_rebuilt"].value < found["kept_pose"].value  # the floor
    assert found["kept_pose"].value < 18  # another frame at random is 35 degrees away
    high, low = found["kept_pose"].high, found["kept_pose_random"].low
    assert high is not None
    assert low is not None
    assert high < low
    assert found["kept_head_place"].value < 0.03
