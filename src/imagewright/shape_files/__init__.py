"""The built-in set `shapes` as files that any program reads: pictures, pairs, a clip, and faces of two people."""
