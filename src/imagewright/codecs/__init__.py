"""Codecs of standard file formats, which need no training."""
