"""Fixtures of the tests in this folder."""

from tests.support.fixtures import bench, transport

__all__ = ["bench", "transport"]
from tests.gateway.desk import desk  # noqa: F401 - a fixture of the hub's tests
