"""Errors of memory that ran out, in words that say what to lower."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from imagewright.errors import TrainingError


@contextmanager
def out_of_memory_explained() -> Iterator[None]:
    """Within the block, memory that runs out is a `TrainingError` with what to lower."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise _explained(error) from None
    except RuntimeError as error:
        if "can't allocate memory" in str(error) or "out of memory" in str(error).lower():
            raise _explained(error) from None
        raise


def _explained(error: BaseException) -> TrainingError:
    asked = re.search(r"allocate (\d+) bytes", str(error))
    much = f" when {int(asked[1]) / 2**30:.1f} GiB more were asked for" if asked else ""
    return TrainingError(
        f"Memory ran out{much}. What to lower: --micro-batch (the same training, fewer images at once), --batch-size, "
        "--size, or the model's width or components."
    )
