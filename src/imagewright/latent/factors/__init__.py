"""Which latent holds which known factor of the pictures."""
