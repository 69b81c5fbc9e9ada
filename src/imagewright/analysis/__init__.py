"""The structure of a set of images: components, clusters, outliers, classes, compressibility."""
