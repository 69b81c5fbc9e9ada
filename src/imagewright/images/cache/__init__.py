"""The prepared cache: the decoded pixels of each source in one memory-mapped file."""
