"""The page of pictures: the wall, what is strange or double, clusters, sets made of a selection, marked attributes."""
