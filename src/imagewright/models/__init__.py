"""The models, one file a system, in families. `imagewright.models()` lists them."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagewright.catalogue import Entry


class _Models(ModuleType):
    """This package, which can also be called: `iw.models()` is what users try first."""

    def __call__(self) -> list[Entry]:
        """The entries of all models: name, family, summary, paper and verbs (`list_models`)."""
        from imagewright.catalogue import list_models

        return list_models()


sys.modules[__name__].__class__ = _Models
