"""Frechet distances, and the moments of features that they are computed from."""
