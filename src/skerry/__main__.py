"""The ``skerry`` command, also as ``python -m skerry``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from skerry.cli import skerry
    except KeyboardInterrupt:
        sys.exit(130)
    skerry.main(prog_name="skerry")


if __name__ == "__main__":
    main()
