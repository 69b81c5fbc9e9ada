"""Models are built without memory or values, at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny import tiny_model
from torch import Tensor
from torch.nn.functional import normalize
from workers import build_without_memory, start, train_and_list_modules

from imagewright import catalogue
from imagewright.memoryless import without_memory


@pytest.mark.parametrize("name", list(catalogue.entries()))
def test_tensors_have_the_shapes_and_types_of_a_model_with_memory(name: str) -> None:
    with without_memory():
        without = tiny_model(name)
    found, expected = (
        {key: (each.shape, each.dtype) for key, each in model.state_dict().items()}
        for model in (without, tiny_model(name))
    )
    assert found == expected
    assert all(parameter.is_meta for parameter in without.parameters())


@pytest.mark.parametrize(
    "compute",
    [
        lambda: torch.randn(3, 4, generator=torch.Generator()) / 7,
        lambda: torch.rand((3, 4), dtype=torch.float64) - 0.5,
        lambda: torch.zeros(3, 1) * torch.zeros(4, dtype=torch.float64) + 1,
        lambda: torch.zeros(0, 3) * torch.zeros(1, 3),
        lambda: torch.zeros(3).add(other=torch.zeros(2, 1)),
        lambda: (torch.zeros(2, 3).square().exp() ** 0.25).sqrt() * 3,
        lambda: torch.ones(3, dtype=torch.int64) / 2,
        lambda: torch.ones(3, dtype=torch.uint8) * 2,
        lambda: normalize(torch.zeros(5), dim=0),
        lambda: normalize(input=torch.zeros(5, 2)),
    ],
)
def test_what_is_computed_has_the_shape_and_type_that_it_has_with_memory(compute: Callable[[], Tensor]) -> None:
    with without_memory():
        found = compute()
    expected = compute()
    assert found.is_meta
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)


def test_tensors_with_values_are_computed() -> None:
    values = torch.tensor([1.0, 2.0])
    with without_memory():
        assert torch.equal(values * 3, torch.tensor([3.0, 6.0], device="cpu"))
        assert torch.rand(2, device="cpu").max() > 0


@pytest.mark.parametrize("work", [build_without_memory, train_and_list_modules])
def test_the_compiler_of_torch_is_not_imported(work: Callable[[Path], None], tmp_path: Path) -> None:
    """Importing it takes a second, which is longer than loading a run and sampling from it."""
    process = start(work, tmp_path)
    process.join()
    assert process.exitcode == 0
    modules = (tmp_path / "modules").read_text().splitlines()
    assert "torch" in modules
    assert "torch._dynamo" not in modules
