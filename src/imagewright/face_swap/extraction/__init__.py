"""`extract_faces`: the faces of pictures and videos as a set of crops to train a swap on."""
