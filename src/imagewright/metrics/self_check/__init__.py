"""The self-check: whether metrics change as expected on corrupted copies of the user's pictures."""
