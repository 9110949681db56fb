"""One gateway serves a whole test: the cases are many and each is a connection. The foreign peers of all tests."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.fixtures import bench
from tests.support.waiting import within
from tests.websocket.browser import Browser, Chromium
from tests.websocket.peers import NodePeer, Peer, PythonPeer

__all__ = ["bench"]


@pytest.fixture(params=[PythonPeer, NodePeer], ids=["websockets", "ws"])
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    """A library that is not ours, at whichever end the test asks it to be."""
    made: Peer = request.param()
    yield made
    await within(made.stop())


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Its start takes a second or more, so there is one."""
    made = Chromium(tmp_path_factory.mktemp("chromium"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
async def browser(chromium: Chromium) -> AsyncIterator[Browser]:
    """A test's own way to it."""
    made = Browser()
    await made.start(chromium.url)
    yield made
    await within(made.stop())
