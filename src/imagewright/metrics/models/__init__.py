"""Metrics that ask the model itself: perceptual path length, likelihood."""
