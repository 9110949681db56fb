"""channel.history(): what a log holds, page by page without a hole, over every transport and through outages."""

import asyncio

import pytest

from flight_client import CallerError, Gap, LinkError, Log, Payload, RealtimeEvent, RefusedError
from flight_client.history import Wanted
from tests.client.test_surface import CHANNEL, seen, stored
from tests.simulation.scene import Scene, emit, play
from tests.support.bench import Bench, component, hurry
from tests.support.waiting import eventually, within


async def test_history_reads_the_newest_events_of_a_channel_and_ends(bench: Bench, transport: str) -> None:
    device = await stored(bench, 30)
    tool = await bench.connected("tool-1", transport)
    assert seen(await within(tool.channel(CHANNEL).history(5))) == [25, 26, 27, 28, 29]
    assert seen(await within(tool.channel(CHANNEL).history())) == list(range(30))
    assert await within(device.channel("nothing-here").history()) == []
    assert [state.mode for state in tool._session.channels.items if state.own] == [0] * 2  # places that were left


async def test_history_goes_on_behind_an_offset_without_a_hole(bench: Bench) -> None:
    device = await bench.connected("console-1")
    for number in range(9):
        await within(device.channel(CHANNEL).publish(component(number)))  # an entry each
    tool = await bench.connected("tool-1")
    found: list[RealtimeEvent] = []
    while page := await within(tool.channel(CHANNEL).history(4, after=found[-1].offset if found else 0)):
        assert len(page) <= 4
        found += page
    assert seen(found) == list(range(9))


async def test_no_page_of_history_ends_between_events_that_have_one_offset(bench: Bench, transport: str) -> None:
    device = await stored(bench, 30)
    tool = await bench.connected("tool-1", transport)
    found: list[RealtimeEvent] = []
    while page := await within(tool.channel(CHANNEL).history(4, after=found[-1].offset if found else 0)):
        found += page
    assert seen(found) == list(range(30))
    assert len({event.offset for event in found}) < 30  # some of them were sent together
    await within(device.close())


async def test_nor_between_the_portions_in_which_an_entry_comes_to_a_small_client(bench: Bench) -> None:
    device = await bench.connected("console-1")
    lines = [Log(f"a line of some length, number {number}") for number in range(60)]
    assert all(outcome.accepted for outcome in device.channel("log").emit_many(lines, critical=True))
    assert await within(device.flush())
    small = await bench.connected("board-1", platform="micro")
    whole = await within(small.channel("log").history())
    page = await within(small.channel("log").history(1, after=0))
    assert len(page) > 10
    assert page == [event for event in whole if event.offset == whole[0].offset]


async def test_history_lets_only_the_wanted_types_through_and_leaves_streams_alone(bench: Bench) -> None:
    device = await bench.connected("console-1")
    tool, reader = await bench.tool(channels=["mixed"])
    for event in (Log("one"), Payload(1), Log("two")):
        await within(device.channel("mixed").publish(event))
    mixed = tool.channel("mixed")
    assert [event.data for event in await within(mixed.history(10, "log"))] == [Log("one"), Log("two")]
    both = await within(asyncio.gather(mixed.history(1), mixed.history(2)))
    assert [len(events) for events in both] == [1, 2]
    assert len(await reader.take(3)) == 3
    assert reader.stream.take(10) == []


def test_history_waits_through_an_outage_or_says_that_the_time_was_over() -> None:
    async def story(scene: Scene) -> None:
        device = scene.client("device-1", scene.wire())
        with pytest.raises(CallerError, match="not connected"):
            await device.channel("commands").history()
        await device.connect()
        for number in range(3):
            emit(device, "commands", number)
        await device.flush()
        device.pause()
        await asyncio.sleep(2)
        with pytest.raises(LinkError, match="did not come in time"):
            await device.channel("commands").history(timeout_s=5)
        waiting = asyncio.create_task(device.channel("commands").history())
        await asyncio.sleep(5)
        assert not waiting.done()
        device.resume()
        assert len(await waiting) == 3
        again = asyncio.create_task(device.channel("commands").history())
        await asyncio.sleep(0)
        await device.close()
        with pytest.raises(CallerError, match="closed"):
            await again

    play(story)


async def test_history_of_a_channel_that_is_not_allowed_is_refused(bench: Bench) -> None:
    tool = await bench.connected("tool-1", token=bench.token(roles=("publish",)))
    with pytest.raises(RefusedError):
        await within(tool.channel("log").history())


async def test_a_dreamcast_reads_history_over_its_one_connection_to_the_channel_and_publishes_on(bench: Bench) -> None:
    other = await bench.connected("console-1")
    await within(other.channel("log").publish(Log("another's")))
    dreamcast = hurry(await bench.connected("dc-1", platform="dreamcast"))
    channel = dreamcast.channel("log")
    await within(channel.publish(Log("its own")))
    assert [event.data for event in await within(channel.history())] == [Log("another's"), Log("its own")]
    assert (await within(channel.publish(Log("later")))).accepted
    stream = dreamcast.events(channels=["log"])
    with pytest.raises(CallerError, match="one connection per channel"):
        await within(channel.history())
    stream.close()


async def test_an_offset_of_a_log_that_was_lost_leads_to_the_beginning_of_the_new_one_and_says_so(bench: Bench) -> None:
    device = hurry(await bench.connected("console-1"))
    for number in range(3):
        await within(device.channel(CHANNEL).publish(component(number)))
    tool = hurry(await bench.connected("tool-1"))
    channel, gaps = tool.channel(CHANNEL), list[Gap]()
    tool.on_gap(gaps.append)
    [first, *_] = await within(channel.history())
    lost = tool.epoch
    assert seen(await within(channel.history(after=first.offset, epoch=lost))) == [1, 2]
    assert gaps == []
    await bench.restart()  # its log was in memory
    for number in range(10, 15):
        await within(device.channel(CHANNEL).publish(component(number)))
    await eventually(lambda: tool.epoch != lost, "the epoch of the new log")
    assert seen(await within(channel.history(after=first.offset, epoch=lost))) == [10, 11, 12, 13, 14]
    assert [(gap.reason, gap.epoch) for gap in gaps] == [("epoch", tool.epoch)]
    [_, second, *_] = await within(channel.history())
    assert seen(await within(channel.history(after=second.offset, epoch=tool.epoch))) == [12, 13, 14]
    assert len(gaps) == 1


async def test_a_log_that_is_lost_while_it_is_read_ends_the_reading(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(bench, 3)
    tool = hurry(await bench.connected("tool-1"))
    end_of = tool._history._end_of

    async def lost_behind_it(wanted: Wanted) -> tuple[bytes, int]:
        found = await end_of(wanted)
        await bench.restart()
        return found

    monkeypatch.setattr(tool._history, "_end_of", lost_behind_it)
    assert await within(tool.channel(CHANNEL).history()) == []
