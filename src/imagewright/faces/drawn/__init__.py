"""Heads that are drawn in known poses, and the measures that find their poses again in pixels."""
