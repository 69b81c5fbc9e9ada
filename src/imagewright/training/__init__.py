"""Training: the loop over phases, written once for every model."""
