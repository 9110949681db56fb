"""What the tests of client, transports, gateway and command line share."""
