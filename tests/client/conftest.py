"""Fixtures of the tests in this folder."""

from tests.support.fixtures import bench, transport

__all__ = ["bench", "transport"]
