"""The catalogue says of each model what its class is and does."""

from __future__ import annotations

import dataclasses

import pytest
from skeletons import SKELETONS
from tiny import tiny_model

from imagewright import catalogue, configs
from imagewright.capabilities import VERBS, require, verbs_of
from imagewright.errors import ConfigError, UserError
from imagewright.model import Model

NAMES = [*catalogue.entries(), *SKELETONS]


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_tells_the_verbs_that_its_class_and_its_model_answer(name: str) -> None:
    entry = catalogue.entry_of(name)
    assert entry.name == name
    assert entry.verbs == verbs_of(catalogue.model_class(name)) == verbs_of(tiny_model(name))
    assert issubclass(catalogue.model_class(name), Model)
    assert entry.summary
    assert entry.paper
    module = catalogue.model_class(name).__module__
    assert entry.family in module or not module.startswith("imagewright.")  # a package of one's own has any folders


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_found_by_its_name_and_its_name_by_the_model(name: str) -> None:
    assert catalogue.name_of(tiny_model(name)) == name


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(UserError, match=r"'dcgna'.*'dcgan'.*pca, "):
        catalogue.model_class("dcgna")


@pytest.mark.parametrize("name", NAMES)
def test_a_verb_that_is_not_answered_is_refused_with_those_that_are(name: str) -> None:
    model = tiny_model(name)
    for verb, (capability, _) in VERBS.items():
        if verb in verbs_of(model):
            assert require(model, capability) is model
        else:
            with pytest.raises(UserError, match=f"{name} cannot {verb}: .*{', '.join(verbs_of(model))}"):
                require(model, capability)


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_is_frozen_and_each_option_described(name: str) -> None:
    config_class = catalogue.model_class(name).Config
    config = config_class.tiny()
    assert config.image_shape == (3, 16, 16)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.channels = 1
    for field in config_class.__pydantic_fields__.values():
        assert field.description


@pytest.mark.parametrize("name", NAMES)
def test_tiny_presets_are_small_at_any_size_and_channels(name: str) -> None:
    config_class = catalogue.model_class(name).Config
    for size in {config_class.nearest_size(*given) for given in ((8, 8), (16, 24), (30, 17))}:
        for channels in (1, 3, 4):
            model = tiny_model(name, size, channels)
            assert model.config.size == size
            assert model.config.channels == channels
            assert sum(parameter.numel() for parameter in model.parameters()) < 200_000


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_survives_json(name: str) -> None:
    config = catalogue.model_class(name).Config.tiny(size=(16, 24), channels=1)
    values = dataclasses.asdict(config) | {"size": list(config.size)}  # as JSON holds it
    assert configs.build(type(config), values, name) == config


@pytest.mark.parametrize("name", NAMES)
def test_the_nearest_size_is_one_the_model_can_do_and_its_own_nearest(name: str) -> None:
    config_class = catalogue.model_class(name).Config
    for size in ((1, 1), (5, 9), (28, 28), (33, 64), (100, 60), (7, 300)):
        nearest = config_class.nearest_size(*size)
        assert config_class.nearest_size(*nearest) == nearest
        assert config_class.tiny(size=nearest).size == nearest


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [0, 2, 5, -1])
def test_other_channels_than_grey_rgb_and_rgba_are_refused(name: str, channels: int) -> None:
    config_class = catalogue.model_class(name).Config
    with pytest.raises(ConfigError, match=f"{name}: channels={channels}, .*1, 3 or 4"):
        configs.build(config_class, {"size": (16, 16), "channels": channels}, name)
