"""Swap: faces, people, consent and training, a swap tried on stills, footage converted and measured."""
