"""Batches for training: the order of images, the validation split, resampling, and reading ahead."""
