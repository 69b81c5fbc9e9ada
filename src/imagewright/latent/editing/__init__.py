"""Edits: pictures moved along saved directions."""
