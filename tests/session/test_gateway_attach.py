"""The gateway's half of a session when a newer transport takes over."""

from flight_client.session.gateway import messages
from flight_client.session.spec import TYPE_REFUSED, TYPE_SKIP
from tests.session.test_gateway import T0, kinds, session


def test_a_refusal_of_lossy_events_is_not_told_again_behind_resumed_which_counts_them_already():
    gateway = session()
    gateway.send(TYPE_REFUSED, 0, 1, messages.refused(0, 15, 3))
    gateway.send(TYPE_REFUSED, 0, 1, messages.refused(7, 15, 2))
    assert kinds(gateway) == [TYPE_REFUSED, TYPE_REFUSED]
    assert gateway.attach(1, 1, T0)
    assert kinds(gateway) == [TYPE_SKIP, TYPE_REFUSED]
    assert gateway.acknowledge(3)
    assert gateway.held() == 0
