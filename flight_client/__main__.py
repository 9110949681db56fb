"""`python -m flight_client` is the `flight` command."""

from flight_client.cli.main import main

raise SystemExit(main())
