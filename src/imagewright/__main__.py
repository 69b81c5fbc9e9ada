"""`python -m imagewright`: the same as the command `imagewright`."""

from __future__ import annotations

import sys

from imagewright.cli import main

if __name__ == "__main__":
    sys.exit(main())
