"""The public names of the package."""

from __future__ import annotations

import imagewright


def test_every_public_name_is_there_and_every_name_fetched_on_demand_is_public() -> None:
    assert set(imagewright.__all__) == {*imagewright._HOME, "__version__"}
    for name in imagewright.__all__:
        assert getattr(imagewright, name) is not None
