"""Tiny models that translate, whose answers can be computed by hand; `register` puts them into the catalogue.

No training: their weights are constants. Registered for the time of a test, so that runs of them can be loaded.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import torch
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn import functional

from imagewright import catalogue
from imagewright.capabilities import Target
from imagewright.catalogue import Entry
from imagewright.configs import Config, SizedConfig
from imagewright.errors import UserError
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.runs.weights import write_tensors


@dataclass(frozen=True, kw_only=True)
class Multiples(SizedConfig):
    """Sides that are multiples of 4, as of a network that halves twice."""

    @classmethod
    def nearest_size(cls, height: int, width: int) -> tuple[int, int]:
        return max(4, round(height / 4) * 4), max(4, round(width / 4) * 4)

    @classmethod
    def size_rule(cls, size: tuple[int, int]) -> str:
        return "sides are multiples of 4"


class Translator(Model):
    """A model whose sizes are multiples of 4, and which fails for any other."""

    Config = Multiples

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config or Multiples(size=(16, 16), channels=3))

    def check(self, images: Tensor) -> Tensor:
        assert tuple(images.shape[-2:]) == Multiples.nearest_size(*images.shape[-2:]), "a size that it cannot do"
        assert not self.training
        return images


class Lamp(Translator):
    """Two domains, "bright" and "dark": light is added or taken away; a style (3,) is a colour mixed in.

    A style's prior is normal, about the domain's own light; a reference's style is its mean colour.
    """

    domains = ("bright", "dark")
    style_shape, few_shot = (3,), False

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        self.register_buffer("light", torch.tensor([0.25, -0.25]))

    def translate(self, images: Tensor, target: Target) -> Tensor:
        images = self.check(images)
        colour = target.style[:, : images.shape[1], None, None]
        return (images + self.light[target.domain] + 0.5 * colour).clamp(-1, 1)

    def sample_styles(self, count: int, domain: int | None, generator: torch.Generator) -> Tensor:
        return 0.5 * torch.randn(count, 3, generator=generator) + self.light[domain].cpu()

    def encode_styles(self, references: Tensor, domain: int | None) -> Tensor:
        return references.mean((2, 3)).expand(-1, 3)


class Blurs(Translator):
    """One domain, no styles: each pixel becomes the mean of 5x5 around it, as a convolution sees its surroundings."""

    domains = ("soft",)

    def translate(self, images: Tensor, target: Target) -> Tensor:
        assert target == Target(domain=0)
        return functional.avg_pool2d(functional.pad(self.check(images), (2, 2, 2, 2), mode="reflect"), 5, 1)


class Attributes(Translator):
    """No domains: the attributes Light and Red are set, or stay as they are where they are NaN."""

    domains = ()
    attribute_names = ("Light", "Red")

    def translate(self, images: Tensor, target: Target) -> Tensor:
        light, red = target.attributes[:, :, None, None, None].unbind(1)
        images = torch.where(light.isnan(), images, torch.lerp(images, light.nan_to_num() * 2 - 1, 0.5))
        first = torch.where(red.isnan(), images[:, :1], torch.lerp(images[:, :1], red.nan_to_num() * 2 - 1, 0.5))
        return torch.cat([first, images[:, 1:]], 1)


class FewShot(Translator):
    """No domains; several references give one style together, their mean colour. It samples no styles."""

    domains = ()
    style_shape, few_shot = (3,), True

    def translate(self, images: Tensor, target: Target) -> Tensor:
        return (0.5 * self.check(images) + 0.5 * target.style[:, :, None, None]).clamp(-1, 1)

    def sample_styles(self, count: int, domain: int | None, generator: torch.Generator) -> Tensor:
        raise UserError("fewshot takes its style from references: name some, by --like (like=).")

    def encode_styles(self, references: Tensor, domain: int | None) -> Tensor:
        assert references.ndim == 5
        return references.mean((1, 3, 4))


CLASSES = (Lamp, Blurs, Attributes, FewShot)


def register(monkeypatch: pytest.MonkeyPatch, *more: type[Model]) -> None:
    """The catalogue knows these models, each by its class's name in small letters, until the test ends."""
    import_module("imagewright.cli.commands.train")  # which lists the models of the catalogue once, at its import
    table = dict(catalogue.entries())
    for model in (*CLASSES, *more):
        name = model.__name__.lower()
        table[name] = Entry(name, f"{model.__module__}:{model.__qualname__}", "tests", "a test's", "none", ())
    monkeypatch.setattr(catalogue, "entries", lambda: table)


def write_run(model: Model, path: Path) -> Run:
    """A run with the model's weights in its one checkpoint."""
    config = {"size": list(model.config.size), "channels": model.config.channels}
    record = {"model": catalogue.name_of(model), "config": config}
    run = Run.create(path, record)
    write_tensors(run.checkpoint_at(8).weights, model.state_dict(), record | {"images_seen": 8})
    return run
