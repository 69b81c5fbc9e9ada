"""The page Train: a form for a new training, its plan, its start, and runs as they train."""
