"""Lesson: a generator and a discriminator, step by step."""
