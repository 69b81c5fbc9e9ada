"""What the ranks tell one another beside tensors: values, failures, and whether all found out the same.

All ranks must call these functions in the same order, within `distributed.process_group`. They wait for one another
without a limit, since one may list a million files meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from imagewright import distributed
from imagewright.errors import LONGEST_MESSAGE, ConfigError, UserError, one_line

Result = TypeVar("Result")
MOST_TOLD = 3  # differences in one message


def share(value: Any) -> Any:
    """The main rank's value, on all ranks; those of other ranks do not count."""
    return distributed.gather_objects(value if distributed.is_main() else None)[0]


def together(work: Callable[[], Result]) -> Result:
    """Do `work` on every rank at once. If it fails on one, all raise, and the others say where it failed and of what.

    work: must exchange nothing with other ranks.
    """
    if distributed.world_size() == 1:
        return work()
    failure: Exception | None = None
    try:
        result = work()
    except Exception as error:  # noqa: BLE001 (raised below, after the others know)
        failure = error
    told = distributed.gather_objects(None if failure is None else one_line(failure, LONGEST_MESSAGE))
    if failure is not None:
        raise failure
    for rank, text in enumerate(told):
        if text is not None:
            raise UserError(f"On {describe_rank(rank)}: {text}")
    return result


def first_on_main(work: Callable[[], None]) -> None:
    """Do `work` on the main rank while the others wait, however long. If it fails, all raise."""
    together(lambda: work() if distributed.is_main() else None)


def describe_rank(rank: int) -> str:
    """A rank in a message: "host-b (rank 1)"."""
    host = distributed.host_of(rank)
    return f"{host} (rank {rank})" if host else f"rank {rank}"


def check_alike(found: dict[str, Any], remedy: str) -> None:
    """Raise `ConfigError` on all ranks if what one found out differs from the main rank's.

    found: values of JSON by name, as they are called in a message; nested mappings are compared entry by entry.
    remedy: a sentence that says what to do.
    """
    told = [_flat(each) for each in distributed.gather_objects(found)]
    for rank, each in enumerate(told):
        names = [name for name in {**told[0], **each} if told[0].get(name) != each.get(name)]
        if names:
            differing = "; ".join(
                f"{name} is {_shown(told[0].get(name))} on {describe_rank(0)} and {_shown(each.get(name))} on "
                f"{describe_rank(rank)}"
                for name in names[:MOST_TOLD]
            )
            more = f"; and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else ""
            raise ConfigError(f"The processes would not train the same: {differing}{more}. {remedy}")


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = isinstance(value, dict) and value
        found |= _flat(value, f"{before}{name} ") if inner else {f"{before}{name}": value}
    return found


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) and " " in value else json.dumps(value)
    return text if len(text) < 80 else f"{text[:77]}..."
