"""Pictures rebuilt from the first k components: error, bits, shares, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tiny import simple_pictures

import imagewright as iw
from imagewright.analysis.components.by_count import STEP, RebuiltByCount
from imagewright.errors import DataError
from imagewright.statistics.fitting import fit_model


@pytest.fixture(scope="module")
def parts() -> RebuiltByCount:
    return RebuiltByCount(iw.open_images(simple_pictures(24)))


def test_more_components_leave_a_smaller_error_and_cost_more_bits(parts: RebuiltByCount) -> None:
    picture = parts.fit_to_size(simple_pictures(24)[3].transpose(1, 2, 0))
    found = [parts.rebuild(picture, count) for count in (0, 1, 5, parts.count)]
    errors, bits, shares = ([getattr(each, name) for each in found] for name in ("error", "bits", "share"))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1  # a picture of the set: all components together rebuild it
    assert bits == sorted(bits)
    assert (bits[0], shares[0]) == (0, 0)
    assert shares[-1] == pytest.approx(1, abs=1e-4)
    assert (found[0].component == 128).all()
    rebuilt = (picture.double() - found[1].rebuilt.double()).square().mean().sqrt()
    assert found[1].error == pytest.approx(float(rebuilt), abs=1)


def test_bits_are_those_of_the_distribution_of_each_coordinate() -> None:
    """Pictures on a line: one component, whose coordinates are spread evenly enough to compute by hand."""
    levels = np.array([100, 120, 140], np.uint8)
    parts = RebuiltByCount(iw.open_images(np.broadcast_to(levels[:, None, None, None], (3, 1, 4, 4)).copy()))
    middle = parts.rebuild(torch.full((1, 4, 4), 120, dtype=torch.uint8), 1)
    # The coordinates are -80, 0, 80 (20 grey levels, 4 = sqrt 16 times); a normal of deviation 65.3 or a Laplace.
    deviation, mean = 80 * math.sqrt(2 / 3), 160 / 3
    normal = math.erf(STEP / 2 / deviation / math.sqrt(2))
    laplace = 1 - math.exp(-STEP / 2 / mean)
    assert middle.share == pytest.approx(1)
    assert min(abs(middle.bits + math.log2(each)) for each in (normal, laplace)) < 0.01


def test_a_fitted_model_is_taken_at_its_size() -> None:
    model = fit_model("pca", iw.open_images(simple_pictures(16, (8, 8))), components=4)
    parts = RebuiltByCount(iw.open_images(simple_pictures(16)), model)
    assert (parts.count, tuple(parts.size)) == (4, (8, 8))


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(DataError, match=r"2 pictures.*3 or more"):
        RebuiltByCount(iw.open_images(simple_pictures(2)))
