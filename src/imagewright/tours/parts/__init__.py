"""The parts of a tour, a file each kind: the set, eigenfaces, models that are trained, translation."""
