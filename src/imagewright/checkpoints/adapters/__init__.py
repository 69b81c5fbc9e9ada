"""One file a published family: where networks are in its files, what shapes tell, what tensors are called."""
