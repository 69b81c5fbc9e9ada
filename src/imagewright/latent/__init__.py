"""Tools on latents, written against verbs: what works for PCA works for a GAN."""
