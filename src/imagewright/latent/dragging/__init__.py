"""Drag points of a picture to other places: the latent is changed until what is at the points has moved there."""
