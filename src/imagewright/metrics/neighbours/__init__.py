"""Metrics from nearest neighbours: precision and recall, density and coverage, memorisation."""
