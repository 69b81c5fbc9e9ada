"""Projection: the latent whose picture is nearest to a given one."""
