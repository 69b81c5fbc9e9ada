"""`sort_faces`: a set of faces in an order, or in folders, by what their records say."""
