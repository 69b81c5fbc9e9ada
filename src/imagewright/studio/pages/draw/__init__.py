"""The page Draw: pictures drawn or dropped, and what a model that translates makes of them."""
