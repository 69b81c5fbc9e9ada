"""`python -m imagewright`: the same as the command `imagewright`."""

from __future__ import annotations

import os
import sys

# `-m` puts the current folder first on the path. It may be a downloaded set of pictures with a `json.py` in it; the
# command `imagewright` does not import from there either.
try:  # not by contextlib, which would be imported before the handler of Ctrl-C is there
    if __name__ == "__main__" and sys.path[0] == os.getcwd():
        del sys.path[0]
except OSError:  # a current folder that was removed
    pass

from imagewright.cli import main

if __name__ == "__main__":
    sys.exit(main())
