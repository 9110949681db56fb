"""The console client: against a scripted port, against the real gateway, and on the consoles' processors."""
