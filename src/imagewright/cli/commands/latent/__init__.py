"""The commands under `imagewright latent`."""
