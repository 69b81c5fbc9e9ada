"""The systems, one file each, in families."""
