"""Densities of latents, and of latents by class."""
