"""The versions of what a result depends on, for records."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("imagewright", "torch", "numpy", "pillow")


def versions() -> dict[str, str]:
    """Python's and each package's version; `unknown` for one that is run without being installed."""
    return {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
