"""The training doctor: figures of a model's health at each report, and what they say is wrong."""
