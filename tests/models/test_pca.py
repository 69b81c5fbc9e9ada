"""PCA against scikit-learn and the full decomposition; memory and passes; what cannot be fitted."""

from __future__ import annotations

import math
import re
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sklearn.decomposition
import torch
from tiny import Messages, simple_pictures, train_tiny
from torch import Tensor

import imagewright as iw
from imagewright import configs
from imagewright.errors import ConfigError, DataError
from imagewright.models.linear.pca import PCA, PCAConfig
from imagewright.statistics import spectra


class Pictures:
    """A stream that counts its passes, and the pictures that are in memory at once."""

    def __init__(self, rows: np.ndarray, shape: tuple[int, int, int]) -> None:
        self.rows, self.shape = rows.astype(np.float32), shape
        self.passes, self.most_alive, self.largest = 0, 0, 0
        self._alive: list[weakref.ref[Tensor]] = []

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self, batch_size: int) -> Iterator[Tensor]:
        self.passes += 1
        self.largest = max(self.largest, batch_size)
        for start in range(0, len(self.rows), batch_size):
            batch = torch.from_numpy(self.rows[start : start + batch_size].copy()).unflatten(1, self.shape)
            self._alive = [each for each in self._alive if each() is not None] + [weakref.ref(batch)]
            self.most_alive = max(self.most_alive, sum(len(each()) for each in self._alive))
            yield batch
            del batch


def low_rank(count: int, shape: tuple[int, int, int], rank: int = 6, noise: float = 0.02, seed: int = 0) -> Pictures:
    """Pictures in few directions, with falling variances, around a mean far from 0, and noise in all directions."""
    generator = np.random.default_rng(seed)
    pixels = math.prod(shape)
    directions = np.linalg.qr(generator.standard_normal((pixels, rank)))[0].T
    weights = generator.standard_normal((count, rank)) * 1.5 / np.arange(1, rank + 1)
    mean = generator.uniform(-0.8, 0.8, pixels)
    return Pictures(mean + weights @ directions + noise * generator.standard_normal((count, pixels)), shape)


def fitted(pictures: Pictures, **options: object) -> PCA:
    channels, *size = pictures.shape
    model = PCA(configs.build(PCAConfig, {"size": size, "channels": channels} | options, "pca"))
    model.fit(pictures)
    return model


def digits() -> Pictures:
    from sklearn.datasets import load_digits

    return Pictures(load_digits().data / 8 - 1, (1, 8, 8))


def reference_pca(components: float) -> sklearn.decomposition.PCA:
    return sklearn.decomposition.PCA(components, svd_solver="full")


def subspace_distance(basis: Tensor, reference: np.ndarray) -> float:
    """The norm of the difference of the two projectors: 0 for equal subspaces, 1 if a direction is missing.

    For subspaces of one dimension it is that of what one basis leaves outside the other: a small matrix.
    """
    ours = basis.double().numpy()
    return float(np.linalg.norm(ours - ours @ reference.T @ reference, 2))


def falling(count: int, shape: tuple[int, int, int], power: float = 1.5) -> Pictures:
    """Variances that fall by a power law, like those of natural pictures: there is no gap after the last direction."""
    generator = np.random.default_rng(0)
    directions = np.linalg.qr(generator.standard_normal((math.prod(shape), count)))[0].T
    weights = generator.standard_normal((count, count)) * np.arange(1, count + 1) ** (-power / 2)
    return Pictures(weights @ directions, shape)


SETS = {
    "low rank": (lambda: low_rank(300, (3, 6, 7)), 6),
    "digits": (digits, 10),
    "fewer pictures than pixels": (lambda: low_rank(40, (1, 16, 12)), 6),
    "krylov": (lambda: low_rank(400, (3, 28, 28)), 6),
    "krylov, fewer pictures than pixels": (lambda: low_rank(60, (1, 48, 48), rank=5), 5),
    "krylov, falling": (lambda: falling(400, (3, 28, 28)), 20),
}


@pytest.mark.parametrize("name", SETS)
def test_the_spectrum_is_scikit_learns(name: str) -> None:
    make, components = SETS[name]
    pictures = make()
    reference = reference_pca(components).fit(pictures.rows.astype(np.float64))
    model = fitted(pictures, components=components)
    np.testing.assert_allclose(model.variances.numpy(), reference.explained_variance_, rtol=1e-4)
    assert subspace_distance(model.basis, reference.components_) < 1e-4
    np.testing.assert_allclose(model.mean.numpy(), reference.mean_, atol=1e-5)
    total = pictures.rows.astype(np.float64).var(0, ddof=1).sum()
    assert model.total_variance.item() == pytest.approx(total, rel=1e-5)
    np.testing.assert_allclose(
        model.explained_variance_ratio.numpy(), reference.explained_variance_ratio_, rtol=1e-4, atol=1e-7
    )
    gram = (model.basis.double() @ model.basis.double().T).numpy()
    np.testing.assert_allclose(gram, np.eye(components), atol=1e-5)


def test_both_solvers_are_exercised_here() -> None:
    sizes = {math.prod(make().shape) > spectra.EXACT_PIXELS for make, _ in SETS.values()}
    assert sizes == {True, False}


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95, 0.99])
@pytest.mark.parametrize("name", ["low rank", "digits", "fewer pictures than pixels", "krylov"])
def test_as_many_components_as_explain_a_share_are_scikit_learns(name: str, share: float) -> None:
    pictures = SETS[name][0]()
    reference = reference_pca(share).fit(pictures.rows.astype(np.float64))
    assert len(fitted(pictures, explained=share).basis) == reference.n_components_


def test_a_share_of_one_gives_every_component() -> None:
    assert len(fitted(low_rank(20, (1, 5, 5)), explained=1.0).basis) == 19


@pytest.mark.learning
def test_variances_without_a_gap_need_many_passes_and_are_accurate_too() -> None:
    generator = np.random.default_rng(3)
    pictures = Pictures(generator.standard_normal((900, 2304)) * 0.2, (1, 48, 48))
    model = fitted(pictures, components=4)
    exact = np.linalg.svd(pictures.rows - pictures.rows.mean(0), compute_uv=False)[:4] ** 2 / 899
    np.testing.assert_allclose(model.variances.numpy(), exact, rtol=1e-3)


@pytest.mark.parametrize("name", ["digits", "low rank"])
def test_the_score_is_scikit_learns_log_density(name: str) -> None:
    make, components = SETS[name]
    pictures = make()
    # Each pixel varies here, so that the remaining variance exceeds that of rounding to 8 bits.
    rows = pictures.rows + 0.1 * np.random.default_rng(1).standard_normal(pictures.rows.shape)
    pictures = Pictures(rows, pictures.shape)
    reference = reference_pca(components).fit(pictures.rows.astype(np.float64))
    model = fitted(pictures, components=components)
    images = torch.from_numpy(pictures.rows[:50]).unflatten(1, pictures.shape)
    expected = reference.score_samples(pictures.rows[:50].astype(np.float64))
    np.testing.assert_allclose(model.score(images, torch.Generator(), 1).numpy(), expected, rtol=1e-4)


def test_a_set_that_the_components_explain_completely_has_finite_scores() -> None:
    pictures = low_rank(50, (1, 6, 6), rank=3, noise=0)
    model = fitted(pictures, components=5)
    images = torch.from_numpy(pictures.rows).unflatten(1, pictures.shape)
    inside = model.score(images, torch.Generator(), 1)
    outside = model.score(images + 0.5 * torch.randn(1, 1, 6, 6), torch.Generator(), 1)
    assert torch.isfinite(inside).all()
    assert inside.min() > outside.max()


def test_latents_are_standard_and_decode_to_the_projection() -> None:
    pictures = low_rank(500, (3, 6, 7))
    model = fitted(pictures, components=4)
    images = torch.from_numpy(pictures.rows).unflatten(1, pictures.shape)
    latents = model.encode(images)
    torch.testing.assert_close(latents.mean(0), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(latents.std(0), torch.ones(4), atol=1e-3, rtol=0)
    reference = reference_pca(4).fit(pictures.rows)
    expected = reference.inverse_transform(reference.transform(pictures.rows))
    np.testing.assert_allclose(model.decode(latents).flatten(1).numpy(), expected, atol=2e-5)


def test_samples_have_the_mean_and_variances_of_the_set() -> None:
    pictures = low_rank(500, (1, 6, 7), rank=3, noise=0)
    model = fitted(pictures, components=3)
    drawn = model.decode(model.sample_latents(20_000, torch.Generator().manual_seed(0))).flatten(1)
    np.testing.assert_allclose(drawn.mean(0).numpy(), pictures.rows.mean(0), atol=0.03)
    np.testing.assert_allclose(drawn.var(0).numpy(), pictures.rows.var(0), atol=0.03, rtol=0.1)


# Streams


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 48, 48)])
def test_the_fit_never_has_all_pictures_in_memory(shape: tuple[int, int, int]) -> None:
    pictures = low_rank(2000, shape, noise=0.01)
    fitted(pictures, components=3)
    assert pictures.largest <= 512
    # The current batch, the one before it while the next is made, and the first picture.
    assert pictures.most_alive <= 2 * 512 + 2, "batches that were passed are still in memory"


def test_small_pictures_are_read_once_and_large_ones_few_times() -> None:
    small, large = low_rank(300, (1, 8, 8)), low_rank(300, (1, 48, 48))
    fitted(small, components=6)
    fitted(large, components=6)
    heads = 2  # the first picture is read before the passes
    assert small.passes <= 1 + heads
    assert large.passes <= 6 + heads


def test_a_fit_does_not_depend_on_the_order_of_the_pictures_up_to_rounding() -> None:
    pictures = low_rank(200, (1, 8, 8))
    backwards = Pictures(pictures.rows[::-1], pictures.shape)
    one, other = fitted(pictures, components=4), fitted(backwards, components=4)
    torch.testing.assert_close(one.basis, other.basis, atol=1e-4, rtol=0)  # signs included


def test_the_largest_entry_of_a_component_is_positive() -> None:
    for name in ("digits", "krylov"):
        basis = fitted(SETS[name][0](), components=5).basis
        largest = basis.gather(1, basis.abs().argmax(1, keepdim=True))
        assert (largest > 0).all()


# What cannot be fitted


@pytest.mark.parametrize("side", [4, 48])
def test_pictures_that_are_all_equal_are_refused(side: int) -> None:
    pictures = Pictures(np.full((10, side * side), 0.3), (1, side, side))
    with pytest.raises(DataError, match="All pictures are equal"):
        fitted(pictures, components=2)


@pytest.mark.parametrize("options", [{"components": 1}, {"explained": 0.9}, {}])
def test_one_picture_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(DataError, match="two pictures"):
        fitted(Pictures(np.zeros((1, 16)), (1, 4, 4)), **options)


@pytest.mark.parametrize(("count", "side", "most"), [(10, 8, 9), (100, 4, 16), (30, 48, 29)])
def test_more_components_than_there_can_be_are_refused(count: int, side: int, most: int) -> None:
    with pytest.raises(ConfigError, match=rf"--components {most + 1}\b.*--components {most}\b"):
        fitted(low_rank(count, (1, side, side), rank=2), components=most + 1)
    assert len(fitted(low_rank(count, (1, side, side), rank=2), components=most).basis) == most


def test_a_refused_training_leaves_nothing_behind(tmp_path: Path) -> None:
    same = np.repeat(simple_pictures(1), 6, axis=0)
    with pytest.raises(DataError, match="All pictures are equal"):
        train_tiny("pca", same, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("options", [{"components": 0}, {"explained": 0.0}, {"explained": 1.5}, {"components": -3}])
def test_invalid_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"pca: {next(iter(options))}="):
        fitted(low_rank(10, (1, 4, 4), rank=2), **options)


def test_a_run_of_any_number_of_components_is_loaded(tmp_path: Path) -> None:
    told = Messages()
    run = train_tiny("pca", simple_pictures(40), tmp_path / "run", components=None, explained=0.9, reporter=told)
    model = iw.load(run)
    assert any(text.startswith(f"{len(model.basis)} principal components explain 9") for text in told.texts)
    assert 1 < len(model.basis) < 39
    assert model.latent_shape == (len(model.basis),)
    assert iw.sample(run, 3).shape == (3, 3, 16, 16)
    assert iw.encode(run, simple_pictures(2)).shape == (2, len(model.basis))


def test_a_fit_that_reaches_the_most_passes_gives_a_spectrum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectra, "MOST_PASSES", 3)
    generator = np.random.default_rng(3)
    pictures = Pictures(generator.standard_normal((900, 2304)), (1, 48, 48))
    model = fitted(pictures, components=8)
    exact = np.linalg.svd(pictures.rows - pictures.rows.mean(0), compute_uv=False)[:8] ** 2 / 899
    assert (model.variances.numpy() <= exact * 1.0001).all()
    assert (model.variances.numpy() >= exact * 0.5).all()
    torch.testing.assert_close(model.basis @ model.basis.T, torch.eye(8), atol=1e-5, rtol=0)


def test_step_options_of_a_closed_form_are_reported_as_unused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    iw.train("pca", "digits", tmp_path / "run", learning_rate=0.1, seed=1)
    assert re.search(r"pca .*closed form.*learning_rate", capsys.readouterr().err)
