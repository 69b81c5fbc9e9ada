"""Arithmetic on latents: glasses - plain + smile."""
