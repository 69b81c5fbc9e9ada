"""Autoencoders and what grew out of them."""
