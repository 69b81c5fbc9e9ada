"""The public names of the package, and the versions that a fresh clone gets."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import imagewright

PROJECT = Path(__file__).resolve().parents[2]


def test_every_public_name_is_there_and_every_name_fetched_on_demand_is_public() -> None:
    assert set(imagewright.__all__) == {*imagewright._HOME, "__version__"}
    for name in imagewright.__all__:
        assert getattr(imagewright, name) is not None


def test_what_the_package_and_its_extras_need_is_pinned_within_its_bounds() -> None:
    pins = [Requirement(line) for line in (PROJECT / "constraints.txt").read_text().splitlines() if line[0] != "#"]
    pinned = {canonicalize_name(each.name): next(iter(each.specifier)).version for each in pins}
    assert len(pinned) == len(pins), "pinned twice"
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    asked = [project["dependencies"], *project["optional-dependencies"].values()]
    needed = [Requirement(text) for texts in asked for text in texts]
    open_ones = [each for each in needed if [part.operator for part in each.specifier] != ["=="]]
    assert len(open_ones) > 30
    assert not {each.name for each in open_ones if canonicalize_name(each.name) not in pinned}
    assert all(each.specifier.contains(pinned[canonicalize_name(each.name)]) for each in open_ones)
