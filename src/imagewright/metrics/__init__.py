"""How good pictures are: each metric a file of arithmetic, and the recipes, references and tables around them."""
