"""Errors for memory that ran out, which name the options to lower."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from imagewright.errors import TrainingError


@contextmanager
def explain_out_of_memory() -> Iterator[None]:
    """Within the block, an error for memory that ran out becomes a `TrainingError` that names what to lower."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise _explanation(error) from None
    except RuntimeError as error:
        if "can't allocate memory" in str(error) or "out of memory" in str(error).lower():
            raise _explanation(error) from None
        raise


def _explanation(error: BaseException) -> TrainingError:
    found = re.search(r"allocate (\d+) bytes", str(error))
    request = f" at a request for {int(found[1]) / 2**30:.1f} GiB more" if found else ""
    return TrainingError(
        f"Memory ran out{request}. What to lower: --micro-batch (the same training, fewer images at once), "
        "--batch-size, --size, or the model's width or components."
    )
