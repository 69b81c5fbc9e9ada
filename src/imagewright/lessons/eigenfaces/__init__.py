"""Lesson: eigenfaces."""
