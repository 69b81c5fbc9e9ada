"""What a model can do: asked of models and of their classes, with errors that say what it can."""

from __future__ import annotations

import pytest
import torch
from tiny import tiny_model
from torch import nn

from imagewright import catalogue
from imagewright.capabilities import (
    VERBS,
    Classifies,
    Decodes,
    Encodes,
    Reconstructs,
    Samples,
    answers,
    require,
    samples_classes,
    verbs_of,
)
from imagewright.configs import Config
from imagewright.errors import UserError
from imagewright.model import Model


class Registers(Model):
    """Has its decoder as a sub-module and its latents' shape as a buffer's: neither is found on the class."""

    Config = Config

    def __init__(self) -> None:
        super().__init__(Config(size=(4, 4), channels=1))
        self.decode = nn.Linear(3, 16)
        self.latent_shape = (3,)


def test_a_narrowed_model_is_the_model_itself() -> None:
    model = tiny_model("vae")
    for _, (capability, _) in VERBS.items():
        if answers(model, capability):
            assert require(model, capability) is model


def test_what_a_module_registers_counts_as_well_as_what_its_class_defines() -> None:
    model = Registers()
    assert verbs_of(model) == ("decode",)
    assert require(model, Decodes).decode(torch.zeros(1, 3)).shape == (1, 16)


def test_the_error_lists_what_the_model_can_do() -> None:
    with pytest.raises(UserError, match=r"^dcgan cannot encode: it can sample, decode, score\. `imagewright models`"):
        require(tiny_model("dcgan"), Encodes)
    with pytest.raises(UserError, match=r"^runs/digits cannot reconstruct: it can sample, decode, score\."):
        require(tiny_model("dcgan"), Reconstructs, "runs/digits")
    with pytest.raises(UserError, match=r"^model cannot decode: it can do nothing yet"):
        require(Model(Config(size=(4, 4), channels=1)), Decodes)


def test_a_class_is_asked_before_it_is_built() -> None:
    assert answers(catalogue.model_class("pca"), Samples)
    with pytest.raises(UserError, match=r"^linear_svm cannot decode: it can classify"):
        require(catalogue.model_class("linear_svm"), Decodes)


def test_a_conditional_model_without_classes_samples_none() -> None:
    """It declares `class_names`, which are empty: the protocol alone would be answered."""
    assert samples_classes(tiny_model("cgan"))
    unconditional = tiny_model("vae", condition="none")
    assert hasattr(unconditional, "class_names")
    assert not samples_classes(unconditional)
    assert not answers(unconditional, Classifies)
