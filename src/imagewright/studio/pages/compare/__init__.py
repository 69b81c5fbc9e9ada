"""Runs beside each other: samples of equal seeds, scores, curves, one photo through all, checkpoints."""
