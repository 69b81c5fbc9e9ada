"""Faces in pictures: what was found, alignment, crops, smoothing over time. Imaging only; networks are elsewhere."""
