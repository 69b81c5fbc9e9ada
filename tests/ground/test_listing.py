"""`iw.models()` and `iw.list_options`: what there is, from Python."""

from __future__ import annotations

import imagewright as iw
from imagewright import catalogue


def test_models_can_be_called_and_is_still_the_package() -> None:
    from imagewright.models.linear.pca import PCA

    assert iw.models() == iw.list_models()
    assert iw.models.linear.pca.PCA is PCA


def test_the_options_of_every_model_are_listed_with_description_and_range() -> None:
    for entry in catalogue.list_models():
        options = iw.list_options(entry.name)
        assert all(option.description for option in options)
        assert {"seed", "images_seen"} <= {option.name for option in options}
    printed = repr(iw.list_options("vae"))
    assert "latent_dim" in printed
    assert "(1 to 65,536)" in printed
    assert "gaussian, bernoulli" in printed
