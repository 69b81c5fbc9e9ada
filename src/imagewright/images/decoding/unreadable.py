"""Reasons why a picture cannot be decoded."""

from __future__ import annotations


class Unreadable(Exception):
    """A picture that cannot be decoded. The text is the reason, without the name of the picture."""
