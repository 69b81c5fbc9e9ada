"""Components of a set of images: PCA, ICA, LDA, random directions."""
