"""Densities of latents, and class-conditional densities of latents (generative classifiers)."""
