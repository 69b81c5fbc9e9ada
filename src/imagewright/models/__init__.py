"""The models, one file each, in families. The package may be called: `imagewright.models()` lists the catalogue.

`imagewright.models` is this package, which Python binds to that name as soon as a model is imported. Being callable, it
is the public function `models` as well.
"""

from __future__ import annotations

import sys
from types import ModuleType

from imagewright.catalogue import Entry, models

__all__ = ["models"]


class _CallablePackage(ModuleType):
    def __call__(self) -> list[Entry]:
        return models()


sys.modules[__name__].__class__ = _CallablePackage
