"""Discriminative classifiers: class probabilities without a density of the inputs."""
