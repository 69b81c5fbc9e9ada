"""Networks that find faces: detectors, the face mesh, the identity network, and their published weights."""
