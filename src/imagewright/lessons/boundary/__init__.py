"""Lesson: generative and discriminative decision boundaries."""
