"""The commands under `imagewright swap`."""
