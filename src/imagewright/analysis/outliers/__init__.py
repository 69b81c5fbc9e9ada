"""Outliers of a set of images."""
