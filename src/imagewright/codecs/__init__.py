"""Codecs: standards that need no training."""
