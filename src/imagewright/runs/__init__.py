"""The run directory: what one training made, and what users keep."""
