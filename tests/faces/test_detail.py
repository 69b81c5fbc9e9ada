"""Sharpness of a new face, matched to that of the face it replaces."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.data import astronaut

from imagewright.faces.detail import detail_energy, detail_sigma, fine_detail, match_sharpness
from imagewright.faces.masks import face_size

FACE = (astronaut()[50:210, 140:300] / 255).astype(np.float32)
OTHER = FACE[:, ::-1] * np.float32(0.8) + np.float32(0.1)  # another face: turned round, with less contrast


def blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    return gaussian_filter(picture, (sigma, sigma, 0))


def oval() -> np.ndarray:
    down, across = np.indices((160, 160)) - 80
    mask: np.ndarray = np.clip(60 - np.hypot(down * 0.8, across), 0, 5).astype(np.float32) / 5
    return mask


def energy(picture: np.ndarray) -> float:
    return detail_energy(fine_detail(picture, detail_sigma(face_size(oval()))), oval())


@pytest.mark.parametrize(("own", "footage"), [(0.8, 0), (0.6, 0), (0, 0.7), (0, 1.5), (0, 4), (1.2, 0.6), (0.5, 3)])
def test_detail_inside_the_mask_becomes_that_of_the_replaced_face(own: float, footage: float) -> None:
    picture, wanted = blurred(OTHER, own), blurred(FACE, footage)
    made = match_sharpness(picture, oval(), wanted)
    assert np.sqrt(energy(made) / energy(wanted)) == pytest.approx(1, rel=0.1)
    np.testing.assert_allclose(blurred(made, 12), blurred(picture, 12), atol=0.02)  # nothing but detail has changed


def test_equal_sharpness_changes_nothing() -> None:
    np.testing.assert_allclose(match_sharpness(FACE, oval(), FACE), FACE, atol=1e-5)


def test_what_the_mask_leaves_out_does_not_count() -> None:
    noise = np.random.default_rng(0).random(FACE.shape, np.float32)
    outside = (oval() == 0)[..., None]
    far = gaussian_filter(outside.astype(np.float32), (2, 2, 0)) > 0.999
    made = match_sharpness(blurred(OTHER, 1), oval(), np.where(far, noise, FACE))
    np.testing.assert_allclose(made, match_sharpness(blurred(OTHER, 1), oval(), FACE), atol=2e-3)


def test_a_face_without_detail_is_not_sharpened_beyond_bounds() -> None:
    soft = blurred(OTHER, 8)
    made = match_sharpness(soft, oval(), np.random.default_rng(0).random(FACE.shape, np.float32))
    assert np.abs(made - soft).max() < 0.1
    flat = np.full_like(FACE, 0.5)
    np.testing.assert_array_equal(match_sharpness(flat, oval(), FACE), flat)
    assert energy(match_sharpness(OTHER, oval(), flat)) < 0.05 * energy(OTHER)


def test_an_empty_mask_changes_nothing() -> None:
    np.testing.assert_array_equal(match_sharpness(OTHER, oval() * 0, FACE), OTHER)
