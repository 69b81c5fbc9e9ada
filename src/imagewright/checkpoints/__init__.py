"""Published checkpoints in: one adapter a family, and nothing in a file is executed."""

from imagewright.checkpoints.adapter import export_state
from imagewright.checkpoints.importing import find_adapter, import_checkpoint, load_network

__all__ = ["export_state", "find_adapter", "import_checkpoint", "load_network"]
