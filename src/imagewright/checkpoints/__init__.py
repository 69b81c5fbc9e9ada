"""Published checkpoints in: one adapter a family, and nothing in a file is executed."""

from imagewright.checkpoints.importing import import_checkpoint, load_network

__all__ = ["import_checkpoint", "load_network"]
