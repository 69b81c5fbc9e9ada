"""A tour: the whole line of methods on one set of pictures, in the minutes given, as one page."""
