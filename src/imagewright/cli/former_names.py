"""Options of earlier versions: what was called by two names is called by one now, and the other is still taken."""

from __future__ import annotations

from collections.abc import Sequence

SAMPLING = {"--from": "--sample-from"}  # `--from` is a strength in `edit`, and a run in `train`
FORMER: dict[str, dict[str, str]] = {
    "compress": {"--with": "--methods"},
    "outliers": {"--in": "--run"},
    "latent directions": {"--images": "--source", **SAMPLING},
    "evaluate": {"--protocol": "--protocols", **SAMPLING},
    **dict.fromkeys(("sample", "interpolate"), SAMPLING),
    **{f"latent {name}": SAMPLING for name in ("grid", "traverse", "attribute", "arithmetic", "project", "neighbours")},
}
"""By command, the present name of each option that has been renamed."""


def with_present_names(tokens: Sequence[str]) -> list[str]:
    """The words of a command line, with the present names of options.

    >>> with_present_names(["compress", "photos", "--with", "jpeg"])
    ['compress', 'photos', '--methods', 'jpeg']
    """
    former = FORMER.get(" ".join(tokens[:2])) or FORMER.get(" ".join(tokens[:1]), {})
    return [former.get(name, name) + equals + value for name, equals, value in (each.partition("=") for each in tokens)]
