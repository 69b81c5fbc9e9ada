"""Clusters of pictures."""
