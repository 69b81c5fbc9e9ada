"""Codecs: models without training, whose latents are what a file of a standard format holds."""
