"""Image translation: one file a system."""
