"""Fixed pretrained networks: their weights with source, hash and licence, and the preprocessing of pictures."""
