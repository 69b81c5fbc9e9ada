"""Steer: what a model decodes, under sliders, pads, mixing, dragging and walks."""
