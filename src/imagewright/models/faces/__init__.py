"""Models of faces."""
