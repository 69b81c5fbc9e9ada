"""Metrics that ask the model: path length, likelihood."""
