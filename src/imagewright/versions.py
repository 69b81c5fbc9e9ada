"""The versions of the packages that a result depends on, for records."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("imagewright", "torch", "numpy", "pillow")


def versions() -> dict[str, str]:
    """The versions of Python and of each package; `unknown` for a package that is not installed."""
    return {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
