"""The prepared cache: decoded pixels in one memory-mapped file a source."""
