"""Rate and distortion of codecs and models on the same pictures."""
