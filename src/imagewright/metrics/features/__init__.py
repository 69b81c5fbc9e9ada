"""Features of pictures: extraction, cache, features of runs."""
