"""From files to pixels: formats, resizing, worker processes."""
