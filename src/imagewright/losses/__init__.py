"""Pure functions of logits, images and latents."""
