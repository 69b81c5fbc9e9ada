"""Face swapping: faces of footage as sets to train on, the swap put back into the footage, and how good it is."""
