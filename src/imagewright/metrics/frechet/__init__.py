"""Frechet distances and their moments."""
