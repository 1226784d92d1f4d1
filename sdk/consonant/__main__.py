"""`python -m consonant` is `consonant`."""

import sys

from consonant.cli import main

if __name__ == "__main__":  # Not in the processes that a verification spawns.
    sys.exit(main())
