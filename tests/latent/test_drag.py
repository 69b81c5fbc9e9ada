"""Dragging: what is at a point comes to its goal, by the map of a decoder or by its pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pydantic.dataclasses import dataclass
from tiny import simple_pictures, tiny_model, train_tiny
from torch import Tensor, nn

import imagewright as iw
from imagewright.configs import Config
from imagewright.latent.dragging.features import FeatureMaps
from imagewright.model import Model

SIDE = 32


@dataclass(frozen=True, kw_only=True)
class SpotConfig(Config):
    """The configuration of `Spot`."""


class Spot(Model):
    """Decodes (x, y) from -1 to 1 to a bright spot on a dark ground that gets lighter to the right."""

    Config = SpotConfig
    config: SpotConfig
    latent_shape = (2,)

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randn(count, 2, generator=generator) * 0.4

    def decode(self, latents: Tensor) -> Tensor:
        return self._spot(latents, SIDE).expand(-1, self.config.channels, -1, -1)

    def _spot(self, latents: Tensor, side: int) -> Tensor:
        along = torch.linspace(-1, 1, side)
        distance = (along - latents[:, :1, None]).square() + (along[:, None] - latents[:, 1:, None]).square()
        return (1.6 * torch.exp(-distance / 0.06) + 0.1 * along - 0.8)[:, None]


class MappedSpot(Spot):
    """As `Spot`, by a map of half the side, as convolutional decoders have."""

    def __init__(self, config: SpotConfig) -> None:
        super().__init__(config)
        torch.manual_seed(0)
        self.features = nn.Conv2d(1, 8, 3, padding=1, padding_mode="replicate")
        self.grow = nn.Upsample(scale_factor=2, mode="bilinear")

    def decode(self, latents: Tensor) -> Tensor:
        spot = self._spot(latents, SIDE // 2)
        return self.grow(spot + 0 * self.features(spot).mean(1, keepdim=True)).expand(-1, self.config.channels, -1, -1)


def brightest(picture: Tensor) -> tuple[int, int]:
    place = int(picture[0].argmax())
    return place % SIDE, place // SIDE


@pytest.fixture(params=[Spot, MappedSpot])
def spot(request: pytest.FixtureRequest) -> Model:
    return request.param(SpotConfig(size=(SIDE, SIDE), channels=3)).eval()


def test_what_is_at_the_point_comes_to_its_goal(spot: Model) -> None:
    latents = torch.tensor([[-0.3, 0.1]])
    start = brightest(iw.decode(spot, latents)[0])
    goal = (start[0] + 9, start[1] - 6)
    seen: list[int] = []
    found = iw.drag(
        spot, None, [(start, goal)], latents=latents, steps=200, watch=lambda state: seen.append(state.step)
    )
    x, y = brightest(found.image)
    assert abs(x - goal[0]) <= 2
    assert abs(y - goal[1]) <= 2
    assert float(found.distances.max()) <= 1.5
    assert torch.equal(found.image, iw.decode(spot, found.latents)[0])
    assert seen == list(range(1, found.steps + 1))
    assert latents.tolist() == [[pytest.approx(-0.3), pytest.approx(0.1)]]


def test_maps_are_taken_where_there_are_any() -> None:
    config = SpotConfig(size=(SIDE, SIDE), channels=3)
    assert not FeatureMaps(MappedSpot(config), torch.zeros(1, 2)).follows_pictures
    assert FeatureMaps(Spot(config), torch.zeros(1, 2)).follows_pictures


class ColouredSpot(MappedSpot):
    """As `MappedSpot`, with an encoder, and maps that hold the mean and no places, as those of VAEs nearly do."""

    def encode(self, images: Tensor) -> Tensor:
        return torch.zeros(len(images), 2)

    def decode(self, latents: Tensor) -> Tensor:
        spot = self._spot(latents, SIDE // 2)
        self.features(spot.mean((2, 3), keepdim=True).expand_as(spot))
        return self.grow(spot).expand(-1, self.config.channels, -1, -1)


def test_decoders_with_an_encoder_are_followed_by_their_pictures() -> None:
    """Their maps hold colours: 0 of 10 drags of a VAE of faces came to their goals by them, 4 by its pictures."""
    model = ColouredSpot(SpotConfig(size=(SIDE, SIDE), channels=3)).eval()
    latents = torch.tensor([[-0.3, 0.1]])
    start = brightest(iw.decode(model, latents)[0])
    goal = (start[0] + 8, start[1] + 3)
    found = iw.drag(model, None, [(start, goal)], latents=latents, steps=200)
    x, y = brightest(found.image)
    assert abs(x - goal[0]) <= 2
    assert abs(y - goal[1]) <= 2


def test_what_is_far_from_the_way_is_held(spot: Model) -> None:
    """A spot whose place is held cannot be dragged from elsewhere."""
    latents = torch.tensor([[-0.6, -0.6]])
    free, held = (
        iw.drag(spot, None, [((24, 24), (28, 24))], latents=latents, steps=40, around=around) for around in (None, 3)
    )
    moved = [(each.image.int() - each.start_image.int()).abs().float().mean() for each in (free, held)]
    assert moved[1] <= moved[0]
    assert held.settings["around"] == 3


def test_a_drag_ends_when_it_is_told_to(spot: Model) -> None:
    found = iw.drag(spot, 0, [((5, 5), (25, 25))], watch=lambda state: state.step < 3)
    assert found.steps == 3
    assert any("3 steps" in note for note in found.notes)


def test_a_run_is_dragged_and_saved(tmp_path: Path) -> None:
    run = train_tiny("vae", out=tmp_path / "run")
    found = iw.drag(run, 3, [((4, 4), (8, 4)), ((12, 12), (12, 9))], steps=3, save="pulled")
    assert found.saved == tmp_path / "run" / "latents" / "pulled.safetensors"
    assert [entry.name for entry in iw.list_latents(run).entries] == ["pulled"]
    again = iw.interpolate(run, 2, ends=["pulled", "pulled"])[0]
    assert int((again.int() - found.image.int()).abs().max()) <= 1
    assert found.sheet().draw().size[0] > 2 * 256


def test_bad_drags_are_refused(spot: Model) -> None:
    with pytest.raises(iw.UserError, match=r"place 40,3 .*32x32"):
        iw.drag(spot, 0, [((40, 3), (5, 5))])
    with pytest.raises(iw.UserError, match="0 points"):
        iw.drag(spot, 0, [])
    with pytest.raises(iw.UserError, match="steps=0"):
        iw.drag(spot, 0, [((1, 1), (5, 5))], steps=0)
    with pytest.raises(iw.UserError, match="no gradients"):
        iw.drag(tiny_model("jpeg").eval(), simple_pictures(1)[0], [((1, 1), (5, 5))])
