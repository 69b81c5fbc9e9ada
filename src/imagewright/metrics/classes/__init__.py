"""Metrics from classifiers: Inception score, classification accuracy."""
