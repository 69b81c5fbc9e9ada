"""Baseline JPEG: colour, cosine transform, quantisation, entropy coding, files."""
