"""Face swapping: face sets, training on them, the way back into pictures and video, and what a swap is worth."""
