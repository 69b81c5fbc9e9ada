"""A set of pictures written as tar shards in WebDataset layout, with the index that opens them without reading them."""
