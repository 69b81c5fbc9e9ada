"""The page Learn: lessons whose numbers one holds in the hand, a module each, and the GAN laboratory."""
