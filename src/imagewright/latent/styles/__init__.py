"""Tools on styles of layers and on noise: mixing, truncation, and what noise changes."""
