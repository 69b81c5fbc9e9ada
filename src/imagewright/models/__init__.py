"""The models, one file a system, in families."""
