"""The role of a device, a host tool or any other client."""
