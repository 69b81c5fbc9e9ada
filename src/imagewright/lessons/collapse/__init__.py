"""Lesson: mode collapse, and what prevents it."""
