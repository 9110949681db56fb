"""The last value of everything that was heard: the newest by the gateway's clock, and so many of them."""

from flight_client import Log, RealtimeEvent, Source
from flight_client.last_values import LastValues


def event(device_id: str, received_ms: int, channel: str = "log") -> RealtimeEvent:
    return RealtimeEvent("log", Log(str(received_ms)), channel, Source(device_id, "psp", ""), 1, received_ms, 0, 0)


def test_what_is_older_than_what_is_known_does_not_take_its_place() -> None:
    values = LastValues(10)
    values.put(event("a", 2000))
    values.put(event("a", 1000))  # of the history that somebody reads
    assert [one.received_ms for one in values.of("log")] == [2000]
    values.put(event("a", 2000))  # in the same millisecond the later one is the newer one
    values.put(event("a", 3000))
    assert [one.received_ms for one in values.of("log")] == [3000]


def test_whoever_was_silent_the_longest_is_forgotten_first() -> None:
    values = LastValues(2)
    for device_id, received_ms in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        values.put(event(device_id, received_ms))
    assert [one.source.device_id for one in values.of("log")] == ["a", "c"]
    assert values.of("other") == []


def test_one_channel_is_forgotten_without_the_others() -> None:
    values = LastValues(10)
    values.put(event("a", 1))
    values.put(event("a", 1, "other"))
    values.forget("log")
    assert (len(values), len(values.of("other"))) == (1, 1)
    values.forget()
    assert len(values) == 0
