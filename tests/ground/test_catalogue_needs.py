"""The table of models says what pictures each asks for, as its configuration does."""

from __future__ import annotations

from imagewright import catalogue, configs
from imagewright.training.arranging import reads_domains, reads_pairs
from imagewright.training.option_list import list_options


def needed(name: str) -> str:
    model = catalogue.model_class(name)
    config = model.Config
    if config.needs_consent:
        return "people"
    if reads_domains(config):
        return "two sets"
    if reads_pairs(config):
        return "pairs"
    conditions = next((each.choices for each in list_options(name) if each.name == "condition"), ("none",))
    labelled = issubclass(config, configs.LabelledConfig) or any(feed.needs_labels for feed in model.feeds.values())
    return "classes" if labelled or "none" not in conditions else "pictures"


def test_what_a_model_needs_is_what_its_configuration_asks_for() -> None:
    assert {entry.name: entry.needs for entry in catalogue.list_models()} == {
        entry.name: needed(entry.name) for entry in catalogue.list_models()
    }
