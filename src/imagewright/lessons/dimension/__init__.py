"""Lesson: distances in high dimensions."""
