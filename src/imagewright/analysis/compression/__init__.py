"""Rate-distortion comparison of codecs and models on the same pictures."""
