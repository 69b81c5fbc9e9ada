"""Batches for training: order, validation split, prefetching."""
