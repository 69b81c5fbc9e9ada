"""Classifiers that learn the boundary between classes and no density."""
