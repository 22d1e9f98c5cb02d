"""`python -m pommai`."""

from pommai.cli import main

raise SystemExit(main())
