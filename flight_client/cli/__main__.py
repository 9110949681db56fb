"""`python -m flight_client.cli` is the `flight` command."""

from flight_client.cli.main import main

raise SystemExit(main())
