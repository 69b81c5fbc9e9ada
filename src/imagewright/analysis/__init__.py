"""What is in a set of images: components, clusters, outliers, classes, compressibility."""
