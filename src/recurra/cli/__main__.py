"""`python -m recurra.cli` is the same as `recurra`."""

import sys

from recurra.cli._main import main

sys.exit(main())
