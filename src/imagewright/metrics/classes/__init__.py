"""Metrics that use classes: Inception score, classification accuracy scores."""
