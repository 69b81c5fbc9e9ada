"""The studio: pages in the user's own browser, served on 127.0.0.1. Pages call public functions and follow runs.

serving/ the server, who may talk to it, the socket; pages/ one module or folder a page; web/ what the browser loads.
"""
