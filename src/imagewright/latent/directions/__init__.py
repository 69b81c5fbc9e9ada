"""Directions found without labels."""
