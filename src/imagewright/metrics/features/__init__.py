"""Features of pictures: extraction, the cache, features of runs, blocks of features for distances."""
