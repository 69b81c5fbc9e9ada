"""Lesson: JPEG, from a block to its bits."""
