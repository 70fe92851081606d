"""Entry of the set-up, in words that any Python understands: check the version, then hand over."""

import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 14):
    sys.exit(
        "setup: Python 3.11 to 3.14 is needed, {} is {}.{}: use `make PYTHON=python3.11`".format(
            sys.executable, *sys.version_info[:2]
        )
    )

from steps import main

if __name__ == "__main__":
    main()
