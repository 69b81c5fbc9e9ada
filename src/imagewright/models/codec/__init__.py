"""Codecs as models without training, whose latents are the quantised coefficients of a standard file format."""
