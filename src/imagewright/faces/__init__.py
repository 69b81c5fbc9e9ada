"""Faces in pictures: what was found, alignment, crops, smoothing over time, and the way back into the picture.

Imaging only; networks are elsewhere.
"""
