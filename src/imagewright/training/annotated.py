"""The pictures that a model can learn from: those with a class, or with all attributes, if it learns those."""

from __future__ import annotations

from imagewright import catalogue, configs
from imagewright.images import Images


def choose_annotated(model_name: str, source: str, images: Images, condition: str | None) -> Images:
    """The images of a source that have what the model learns of them; all if it learns neither classes nor attributes.

    Classes without a picture are left out too. What is left out is in the notes of the result.

    model_name: in the catalogue.
    source: the name of the source; labels are learned from the first one, and chosen by from any.
    condition: the option `condition` of a conditioned model; None if it was not given.
    Raises `DataError` if nothing is left.
    """
    model_class = catalogue.model_class(model_name)
    config_class = model_class.Config
    learns_classes = any(feed.needs_labels and feed.source == source for feed in model_class.feeds.values())
    if source == config_class.sources[0]:
        learns_classes |= issubclass(config_class, configs.LabelledConfig)
        if issubclass(config_class, configs.ConditionedConfig):
            how = condition or config_class.__dataclass_fields__["condition"].default.default
            if how != "none" and learns_attributes(images, how):
                return _noted(images, images.with_known_attributes())
            learns_classes |= how != "none"
    return _noted(images, images.with_classes()) if learns_classes else images


def learns_attributes(images: Images, condition: str) -> bool:
    """Whether a model with this `condition` is conditioned on the attributes, and not on the classes, of images."""
    return condition == "attributes" or (
        condition == "auto" and images.class_names is None and bool(images.attributes is not None)
    )


def _noted(images: Images, chosen: Images) -> Images:
    """The chosen images, with a note on what was left out."""
    left_out = len(images) - len(chosen)
    if left_out:
        chosen.notes.append(
            f"The model learns from labels: {left_out:,} of {len(images):,} pictures have none, and are left out."
        )
    before, after = images.class_names or (), chosen.class_names or ()
    empty = [name for name in before if name not in after]
    if empty:
        named = ", ".join(empty[:5]) + (" ..." if len(empty) > 5 else "")
        chosen.notes.append(f"Classes without a picture, left out: {len(empty):,} ({named}).")
    return chosen
