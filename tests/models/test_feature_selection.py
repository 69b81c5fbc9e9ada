"""Feature selection against scikit-learn's variances and mutual information; selected pixels, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from linear_sets import Rows, digits, fitted
from sklearn.feature_selection import VarianceThreshold
from sklearn.metrics import mutual_info_score

from imagewright.errors import ConfigError, DataError
from imagewright.models.linear import feature_selection
from imagewright.models.linear.feature_selection import grey_levels


def test_the_pixels_of_most_variance_are_scikit_learns() -> None:
    rows = digits()
    model = fitted("feature_selection", rows, components=20)
    reference = VarianceThreshold().fit(rows.rows.astype(np.float64)).variances_
    varies = rows.rows.std(0) > 0  # scikit-learn gives constant pixels their peak to peak, which is zero too
    np.testing.assert_allclose(model.merits.numpy()[varies], rows.rows.astype(np.float64).var(0)[varies], rtol=1e-5)
    assert set(model.kept.tolist()) == set(np.argsort(-reference, kind="stable")[:20].tolist())


@pytest.mark.parametrize("levels", [2, 16, 256])
def test_mutual_information_is_scikit_learns_over_grey_levels(levels: int) -> None:
    rows = digits()
    model = fitted("feature_selection", rows, components=10, by="mutual_information", levels=levels)
    seen = grey_levels(torch.from_numpy(rows.rows), levels).numpy()
    expected = np.array([mutual_info_score(rows.labels.numpy(), column) for column in seen.T])
    np.testing.assert_allclose(model.merits.numpy(), expected, atol=1e-6)
    assert model.kept.tolist() == np.argsort(-model.merits.numpy(), kind="stable")[:10].tolist()


def test_counts_that_need_too_much_memory_are_made_in_several_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = digits()
    whole = fitted("feature_selection", rows, by="mutual_information")
    passes, rows.passes = rows.passes, 0
    monkeypatch.setattr(feature_selection, "MOST_COUNTS", 16 * 10 * 7)  # seven pixels at once
    parts = fitted("feature_selection", rows, by="mutual_information")
    assert torch.equal(parts.merits, whole.merits)
    assert rows.passes == passes + 9
    assert rows.largest <= 512


def test_a_pixel_that_is_the_label_is_the_first() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    rows = random.uniform(-1, 1, (400, 16))
    rows[:, 11] = 0.02 * labels  # determines the label and hardly varies
    stream = Rows(rows - 0.01, (1, 4, 4), labels)
    chosen = fitted("feature_selection", stream, components=1, by="mutual_information", levels=256)
    assert chosen.kept.tolist() == [11]
    assert float(chosen.merits[11]) == pytest.approx(np.log(2), abs=1e-2)
    assert 11 not in fitted("feature_selection", stream, components=15).kept


def test_selected_pixels_are_decoded_and_the_others_are_the_mean() -> None:
    rows = digits()
    model = fitted("feature_selection", rows, components=12)
    images = rows.images()
    latents = model.encode(images)
    assert torch.equal(latents, images.flatten(1)[:, model.kept])
    rebuilt = model.decode(latents).flatten(1)
    assert torch.equal(rebuilt[:, model.kept], latents)
    others = np.setdiff1d(np.arange(64), model.kept.numpy())
    expected = np.broadcast_to(rows.rows.mean(0)[others], (len(rows), len(others)))
    np.testing.assert_allclose(rebuilt[:, others].numpy(), expected, atol=1e-5)


def test_grey_levels_are_equal_intervals_with_both_ends_inside() -> None:
    values = torch.tensor([-1.0, -0.51, -0.5, -0.01, 0.0, 0.49, 0.5, 1.0])
    assert grey_levels(values, 4).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_of_equal_pixels_the_first_is_selected_and_constant_ones_last() -> None:
    column = np.random.default_rng(0).uniform(-1, 1, 50)
    rows = np.full((50, 16), 0.7)
    rows[:, [9, 2, 5]] = column[:, None]
    assert fitted("feature_selection", Rows(rows, (1, 4, 4)), components=4).kept.tolist() == [2, 5, 9, 0]


def test_only_mutual_information_needs_labels() -> None:
    rows = digits()
    rows.labels = None
    assert fitted("feature_selection", rows).latent_shape == (64,)
    with pytest.raises(DataError, match="by=mutual_information needs labels"):
        fitted("feature_selection", rows, by="mutual_information")
    rows.labels = torch.zeros(len(rows), dtype=torch.int64)
    with pytest.raises(DataError, match="two classes or more"):
        fitted("feature_selection", rows, by="mutual_information")


def test_sets_without_a_selection_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"components=65\b.*--components 64\b"):
        fitted("feature_selection", digits(), components=65)
    for count in (1, 7):
        with pytest.raises(DataError, match="All pictures are equal"):
            fitted("feature_selection", Rows(np.full((count, 16), 0.5), (1, 4, 4)))
