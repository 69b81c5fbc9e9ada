"""Tools on latents, written against the verbs, so that each works with every model that decodes."""
