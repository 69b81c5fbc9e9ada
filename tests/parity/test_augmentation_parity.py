"""ADA's operations at percentiles reproduce the recorded outputs of the published implementation."""

from __future__ import annotations

from pathlib import Path

from cases import TOLERANCE, parity_module

from imagewright.layers.adaptive_augmentation import augment
from imagewright.layers.augmentation_numbers import Multipliers, Percentile

GROUPS = {"blit": "blitting", "geom": "geometry", "color": "colour", "filter": "bands", "cutout": "cutout"}


def test_the_published_operations_at_percentiles(shared_parity: Path) -> None:
    case = parity_module(shared_parity).load_case("stylegan2_ada/augment", shared_parity)
    image, outputs = case.inputs()["image"], {}
    for name in case.spec["outputs"]:
        group, _, share = name.partition("_")
        factors = {GROUPS[group]: 1.0} if group in GROUPS else {"blitting": 1.0, "geometry": 1.0, "colour": 1.0}
        numbers = Percentile(float(share), len(image))
        outputs[name] = augment(image, 1.0, Multipliers.of_groups(**factors), numbers)
    for name, error in case.errors(outputs).items():
        assert error < TOLERANCE * case.spec["scale"][name], name
