"""The `flight` command: one module per command, each with `configure(parser)` and `run(arguments) -> int`."""
