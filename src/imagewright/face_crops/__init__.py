"""The faces in pictures as crops, upright and of one size, as files."""
