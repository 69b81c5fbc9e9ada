"""The run directory: what a training writes, and what users save beside it."""
