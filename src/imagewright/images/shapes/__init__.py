"""The built-in set `shapes`: sprites drawn by the package, whose factors are known, and their measures in pictures."""
