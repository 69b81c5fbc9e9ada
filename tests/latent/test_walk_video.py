"""Video of a walk: its length and rate, a path without a bend through its keys, frames decoded as they are encoded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import tiny_model

import imagewright as iw
from imagewright.capabilities import latent_parts_of
from imagewright.errors import RunError, UserError
from imagewright.latent.walks.paths import smooth_loop
from imagewright.model import Model
from imagewright.verbs.apply import sample_latents


class Counting(Model):
    """A model that counts the images it decodes."""

    def __init__(self, whole: Model) -> None:
        super().__init__(whole.config)
        self.whole, self.decoded = whole, 0
        self.latent_shape = whole.latent_shape

    def sample_latents(self, count: int, generator: torch.Generator) -> torch.Tensor:
        return self.whole.sample_latents(count, generator)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        self.decoded += len(latents)
        return self.whole.decode(latents)


@pytest.fixture
def model() -> Counting:
    return Counting(tiny_model("dcgan", size=(8, 8), channels=1)).eval()


@pytest.mark.parametrize("interpolation", ["spherical", "linear"])
def test_a_loop_passes_its_keys_without_a_bend(model: Counting, interpolation: str) -> None:
    keys, parts = sample_latents(model, 5), latent_parts_of(model)
    assert torch.allclose(smooth_loop(keys, torch.arange(5.0), parts, interpolation), keys, atol=1e-5)
    assert torch.allclose(smooth_loop(keys, torch.tensor([5.0]), parts, interpolation), keys[:1], atol=1e-5)
    step = 1e-3
    before, at, after = smooth_loop(keys, torch.tensor([2 - step, 2, 2 + step], dtype=torch.float64), parts, "linear")
    assert torch.allclose(at - before, after - at, atol=0.02 * float((after - before).norm()))
    lengths = smooth_loop(keys, torch.linspace(0, 5, 50), parts, "spherical").norm(dim=1)
    ends = keys.norm(dim=1)
    assert ends.min() - 1e-4 < lengths.min()
    assert lengths.max() < ends.max() + 1e-4


def test_frames_are_as_many_as_the_length_says_and_decoded_when_they_are_encoded(
    model: Counting, tmp_path: Path
) -> None:
    av = pytest.importorskip("av")
    ahead = []
    path = tmp_path / "walk.mp4"
    iw.write_walk(
        model,
        path,
        3.0,
        frames_per_second=20,
        grid=(2, 3),
        progress=lambda done, total: ahead.append((model.decoded / 6 - done, total)),
    )
    assert len(ahead) == 60
    assert {total for _, total in ahead} == {60}
    assert max(waiting for waiting, _ in ahead) <= 16  # frames of a block, not the whole video
    assert model.decoded == 60 * 6 + 8  # the last block is padded
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == 20
        assert sum(1 for _ in container.decode(stream)) == 60
    assert iw.inspect(path)["provenance"]["verb"] == "video"


def test_given_keys_and_other_formats(model: Counting, tmp_path: Path) -> None:
    iw.write_walk(model, tmp_path / "walk.webp", 0.4, frames_per_second=10, keys=["0", "0:3"])
    with pytest.raises(RunError, match="exists already"):
        iw.write_walk(model, tmp_path / "walk.webp", 0.4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seconds": 0}, "lasts more than 0 seconds"),
        ({"seconds": 0.01}, "0 frames, but a video has 2"),
        ({"frames_per_second": 200}, "at most 100"),
        ({"keys": [0]}, "two keys or more"),
        ({"keys": [0, 1], "count": 4}, "not samples"),
        ({"count": 1}, "2 samples or more"),
        ({"grid": (0, 1)}, "grid=0x1"),
        ({"label": "cat"}, "not conditioned on classes"),
    ],
)
def test_what_cannot_be(model: Counting, tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        iw.write_walk(model, tmp_path / "walk.gif", **options)
    assert list(tmp_path.iterdir()) == []
