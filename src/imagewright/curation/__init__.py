"""What a model, or the pictures themselves, say of a set: outliers, clusters, near-duplicates, rare cases."""
