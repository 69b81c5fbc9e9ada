"""The versions of the packages that a result depends on, for records."""

from __future__ import annotations

import platform
from functools import cache

PACKAGES = ("imagewright", "torch", "numpy", "pillow")
UNKNOWN = "unknown"


def versions() -> dict[str, str]:
    """The versions of Python and of each package; `unknown` for a package that is not installed."""
    return {"python": platform.python_version()} | {name: version_of(name) for name in PACKAGES}


@cache  # it parses the package's metadata, and every picture has a record
def version_of(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # slow, and no command needs it at its start

    try:
        return version(package)
    except PackageNotFoundError:
        return UNKNOWN
