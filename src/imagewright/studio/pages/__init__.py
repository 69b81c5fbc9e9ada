"""What each page asks of the package, one module or folder a page. `all_pages.py` lists them."""
