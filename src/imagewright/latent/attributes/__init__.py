"""Attribute directions, from labelled pictures."""
