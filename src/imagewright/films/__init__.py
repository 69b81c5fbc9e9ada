"""The training of a run as a video."""
