"""BigGAN and BigGAN-deep: the recorded outputs, and other configurations written out as their authors build them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cases import TOLERANCE, parity_module, run_case

CASES = ("biggan/discriminator_128", "biggan/generator_128", "biggan/regularisation", "biggan_deep/generator_128")


@pytest.mark.parametrize("name", CASES)
def test_the_published_outputs(name: str, shared_parity: Path) -> None:
    system, _, stem = name.partition("/")
    assert run_case(parity_module(shared_parity), shared_parity, system, stem) < TOLERANCE
