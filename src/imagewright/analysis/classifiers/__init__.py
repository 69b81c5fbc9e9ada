"""Classifiers compared on labelled pictures."""
