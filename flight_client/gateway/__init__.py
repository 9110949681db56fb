"""The gateway: ends sessions, keeps channels in an engine, hands events to subscribers."""
