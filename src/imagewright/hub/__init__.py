"""Runs on the Hugging Face hub: the model card of a run, what of it is published, pushed and pulled."""
