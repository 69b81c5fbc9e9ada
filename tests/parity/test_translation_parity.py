"""Translation networks from published state dicts reproduce the recorded outputs of the published implementations."""

from __future__ import annotations

from pathlib import Path

import pytest
from cases import TOLERANCE, parity_module, run_case

CASES = (
    *("cyclegan/patchgan_instance", "cyclegan/resnet_9blocks"),
    *("pix2pix/patchgan_batch", "pix2pix/pixel", "pix2pix/unet_256", "pix2pix/unet_256_batch_stats"),
)


@pytest.mark.parametrize("name", CASES)
def test_the_published_outputs(name: str, shared_parity: Path) -> None:
    system, _, stem = name.partition("/")
    assert run_case(parity_module(shared_parity), shared_parity, system, stem) < TOLERANCE
