"""Fixtures of the tests in this folder."""

from tests.support.fixtures import bench

__all__ = ["bench"]
