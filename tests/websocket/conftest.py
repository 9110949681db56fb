"""One gateway serves a whole test: the cases are many and each is a connection."""

from tests.support.fixtures import bench

__all__ = ["bench"]
