"""Waiting for what a test is about: the public doubles have it, under this name too."""

from flight_client.testing.waiting import HANG_S, eventually, within

__all__ = ["HANG_S", "eventually", "within"]
