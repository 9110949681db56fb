"""A small model of the session, searched through: every order of events within its bounds."""
