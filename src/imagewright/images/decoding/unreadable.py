"""Reasons why a picture cannot be decoded."""

from __future__ import annotations


class Unreadable(Exception):
    """A picture that cannot be decoded. The text is the reason, without the name of the picture."""


class Unreachable(Unreadable):
    """A picture that could not be read now, by a fault of the disk or a missing permission, which may pass."""


class Changed(Unreachable):
    """A picture whose file is another one than when its folder was listed."""
