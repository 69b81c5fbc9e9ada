"""Classifiers: comparison on labelled pictures, and confusion matrices of trained ones."""
