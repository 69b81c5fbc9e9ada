"""Walks through latents: interpolation, blends, traversals, planes."""
