"""The GAN laboratory: a GAN of points whose options change while it trains. Pages and notebooks step it."""
