"""Each quirk of the simulated consoles, so that what is proved on them means something."""

import random

import pytest

from tests.console.sim import (
    ACCEPTS,
    ENDED,
    GONE,
    MS,
    NO_LINK,
    REFUSES,
    SILENT,
    WEAK,
    WRONG,
    Console,
    S,
)

TCP = ["modem", "bba", "psp-wifi", "vita-wifi", "vita-idle"]
KALLISTIOS = ["modem", "bba"]
SLEEPERS = ["psp-wifi", "vita-wifi", "vita-idle"]


def connected(profile: str) -> Console:
    console = Console(profile)
    console.connect()
    return console


def test_a_profile_that_nobody_knows_is_null() -> None:
    console = Console("modem")
    assert console.lib.flight_sim_profile_of(b"vectrex") == console.ffi.NULL


@pytest.mark.parametrize("profile", TCP)
def test_bytes_go_both_ways_in_order_whatever_pieces_they_come_in(profile: str) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    console = connected(profile)
    outward, inward = chance.randbytes(6000), chance.randbytes(6000)
    left_out, left_in, there, here = outward, inward, b"", b""
    until = console.now_us + 60 * S
    while (there, here) != (outward, inward):
        assert console.now_us < until, (len(there), len(here))
        if left_out:
            left_out = left_out[max(0, console.send(left_out[: chance.randint(1, 900)])) :]
        if left_in:
            left_in = left_in[console.peer_give(left_in[: chance.randint(1, 900)]) :]
        if chance.random() < 0.02:
            console.lose(0, chance.randint(0, 2), chance.randint(0, 2))
        console.advance(chance.randint(0, 30) * MS)
        there += console.peer_take()
        got = console.recv(chance.randint(1, 2000))
        here += got if isinstance(got, bytes) else b""
    # At the modem acknowledgements wait behind the inward bytes, sometimes longer than the fixed 2 s of the retry.
    if profile != "modem":
        assert console.counts.lost > 0 or console.counts.sent_again == 0


def test_the_link_carries_its_bytes_per_second_and_no_more() -> None:
    console = connected("modem")
    start, wire = console.now_us, console.counts.wire_bytes_out
    while console.now_us < start + 10 * S:
        console.send(bytes(200))
        console.advance(1 * MS)
        console.peer_take()
    assert 4100 <= (console.counts.wire_bytes_out - wire) / 10 <= 4400


@pytest.mark.parametrize("profile", TCP)
def test_each_send_is_a_packet_of_its_own(profile: str) -> None:
    console = connected(profile)
    before = console.counts.packets_out, console.counts.wire_bytes_out
    for _ in range(10):
        assert console.send(bytes(20)) == 20
    assert console.counts.packets_out - before[0] == 10
    assert console.counts.wire_bytes_out - before[1] == 10 * (20 + console.profile.header_bytes)


def test_a_large_send_is_cut_into_segments() -> None:
    console = connected("psp-wifi")
    before = console.counts.packets_out
    assert console.send(bytes(4000)) == 4000
    assert console.counts.packets_out - before == 3


def test_the_modem_holds_its_caller_until_the_ring_has_taken_the_packet() -> None:
    console = connected("modem")
    start = console.now_us
    assert console.send(bytes(900)) == 900
    assert console.now_us - start == console.profile.call_us, "948 bytes fit the ring of 1,024"
    start = console.now_us
    assert console.send(bytes(1000)) == 1000
    held = console.now_us - start - console.profile.call_us
    assert abs(held - (948 + 1048 - 1024) * S / 4200) < 1000
    assert console.counts.longest_us == held


@pytest.mark.parametrize("profile", ["bba", *SLEEPERS])
def test_other_links_hold_nobody(profile: str) -> None:
    console = connected(profile)
    for _ in range(20):
        console.send(bytes(1400))
    assert console.counts.held_us == 0


@pytest.mark.parametrize("profile", KALLISTIOS)
def test_a_lost_packet_costs_two_seconds_and_all_that_followed_is_sent_again(profile: str) -> None:
    console = connected(profile)
    console.lose(0, 1, 0)
    start = console.now_us
    console.send(b"lost")
    console.advance(100 * MS)
    console.send(b"followed")
    console.advance(1 * S)
    assert console.peer_take() == b"", "what follows waits for what is missing"
    # The timer runs from the last packet.
    console.advance(start + 2_700 * MS - console.now_us)
    assert console.peer_take() == b"lostfollowed"
    assert console.counts.sent_again == 1, "one packet carries both"


def test_a_call_waits_while_the_stacks_thread_sends_again() -> None:
    console = connected("modem")
    console.lose(0, 100, 0)
    while console.send(bytes(200)) > 0:
        console.advance(50 * MS)
    console.lose(0, 0, 0)
    held = console.counts.held_us
    until = console.now_us + 3 * S
    while console.counts.sent_again == 0:
        assert console.now_us < until
        console.advance(1 * MS)
    console.ready()
    assert console.counts.held_us - held > 200 * MS, "2,048 bytes through a ring of 1,024"


def test_no_more_is_taken_than_the_send_buffer_holds_until_it_is_acknowledged() -> None:
    console = connected("bba")
    assert console.send(bytes(5000)) == 2048
    assert console.send(bytes(1)) == 0
    assert console.ready() == 1, "never 0 again after 1"
    console.advance(20 * MS)
    assert console.send(bytes(1)) == 1


@pytest.mark.parametrize("profile", KALLISTIOS)
def test_so_error_lies_and_only_the_hang_up_tells_of_a_refusal(profile: str) -> None:
    console = Console(profile)
    console.answer(REFUSES)
    assert console.open() == 0
    assert console.ready() == 0
    console.advance(1 * S)
    link = console.ffi.addressof(console.sim.links[0])
    assert console.lib.flight_sim_error(link) == 0
    assert console.lib.flight_sim_poll(link) == 2
    assert console.ready() == GONE


def test_elsewhere_so_error_tells_of_a_refusal() -> None:
    console = Console("vita-wifi")
    console.answer(REFUSES)
    console.open()
    console.advance(1 * S)
    assert console.lib.flight_sim_error(console.ffi.addressof(console.sim.links[0])) == GONE
    assert console.ready() == GONE


@pytest.mark.parametrize("profile", TCP)
def test_a_machine_that_does_not_answer_is_asked_again_and_the_connection_stays_open_to_it(profile: str) -> None:
    console = Console(profile)
    console.answer(SILENT)
    console.open()
    console.advance(7 * S)
    assert console.ready() == 0
    assert console.send(b"early") == 0
    assert console.recv() == 0
    assert console.counts.requests == 1 + 7 * S // console.profile.retry_us
    console.answer(ACCEPTS)
    console.advance(3 * S)
    assert console.ready() == 1
    assert console.peer_accepted(0) == 1


def test_silence_of_two_seconds_ends_nothing_and_loses_nothing() -> None:
    console = connected("modem")
    console.black_out(2 * S)
    console.send(b"out")
    console.peer_give(b"in")
    console.advance(6 * S)
    assert console.peer_take() == b"out"
    assert console.recv() == b"in"


def test_the_peers_end_is_the_end_of_what_it_sent_and_not_before() -> None:
    console = connected("psp-wifi")
    console.peer_give(b"last words")
    console.peer_close(0)
    assert console.recv() == 0
    console.advance(1 * S)
    assert console.recv() == b"last words"
    assert console.recv() == ENDED


def test_the_peer_sees_the_end_when_the_console_closes() -> None:
    console = connected("bba")
    console.send(b"bye")
    console.close()
    console.advance(1 * S)
    assert not console.peer_has_ended(0)
    assert console.peer_take() == b"bye"
    assert console.peer_has_ended(0)


def test_a_reset_shows_in_every_call() -> None:
    console = connected("bba")
    console.peer_reset(0)
    console.advance(1 * S)
    assert (console.send(b"x"), console.recv(), console.ready()) == (GONE, GONE, GONE)


@pytest.mark.parametrize("profile", SLEEPERS)
def test_sockets_die_with_a_suspend_and_the_network_is_away_for_a_while(profile: str) -> None:
    console = connected(profile)
    start = console.now_us
    assert console.suspend(30 * S) == 0
    assert console.now_us - start >= 30 * S
    assert (console.send(b"x"), console.recv(), console.ready()) == (GONE, GONE, GONE)
    assert console.link() <= 0
    assert console.open() == NO_LINK
    if console.profile.away_us == 0:
        console.advance(60 * S)
        assert console.link() < 0, "a PSP has to be brought back by its program"
        console.network(1)
    else:
        console.advance(console.profile.away_us)
    assert console.link() == 1
    console.connect()
    assert console.peer_accepted(0) == 2


def test_a_dreamcast_cannot_sleep() -> None:
    console = connected("modem")
    assert console.suspend(1 * S) == WRONG
    assert console.ready() == 1


def test_after_a_restart_the_first_request_only_ends_the_old_connection() -> None:
    console = connected("bba")
    console.reboot()
    start = console.now_us
    console.connect()
    assert console.counts.requests == 1 + 2
    assert console.now_us - start >= 2 * S
    assert console.peer_accepted(0) == 2


def test_after_a_close_the_next_connection_is_accepted_at_once() -> None:
    console = connected("modem")
    console.close()
    console.connect(within_us=1 * S)
    assert console.counts.requests == 2


def test_what_was_stored_survives_a_restart() -> None:
    console = Console("modem")
    port, out = console.port, console.ffi.new("uint8_t[64]")
    assert port.load(port.io, 1, out, 64) == 0
    assert port.store(port.io, 1, b"kept", 4) == 0
    console.reboot()
    assert port.load(port.io, 1, out, 64) == 4
    assert bytes(console.ffi.buffer(out, 4)) == b"kept"
    assert port.store(port.io, 4, b"kept", 4) < 0
    assert port.store(port.io, 0, bytes(1025), 1025) < 0


def test_two_connections_live_side_by_side() -> None:
    console = connected("vita-wifi")
    console.connect(1)
    console.send(b"first")
    console.send(b"second", link=1)
    console.advance(100 * MS)
    assert (console.peer_take(0), console.peer_take(1)) == (b"first", b"second")
    console.close(0)
    assert console.send(b"still", link=1) == 5


def test_a_cable_needs_no_connection_and_takes_what_fits_its_ring() -> None:
    console = Console("serial")
    assert console.port.probe_io == console.ffi.NULL
    assert console.open() == 0
    assert console.ready() == 1
    assert console.send(bytes(1000)) == 256
    assert console.send(bytes(1000)) == 0
    console.advance(10 * MS)
    assert 100 <= console.send(bytes(1000)) <= 120, "11.52 bytes a millisecond"
    assert console.counts.held_us == 0


def test_what_a_cable_loses_or_damages_nobody_repairs() -> None:
    console = Console("serial")
    console.open()
    console.lose(0, 1, 0)
    console.send(b"lost")
    console.damage(0, 1)
    console.send(b"damaged")
    console.send(b"whole")
    console.advance(10 * S)
    arrived = console.peer_take()
    assert arrived == bytes([ord("d") ^ 1]) + b"amaged" + b"whole"


def test_random_bytes_repeat_with_their_seed_and_are_called_weak_where_they_are() -> None:
    drawn = []
    for profile, seed in (("modem", 7), ("modem", 7), ("modem", 8), ("vita-wifi", 7)):
        console = Console(profile, seed)
        out = console.ffi.new("uint8_t[16]")
        strength = console.port.random(console.port.io, out, 16)
        assert strength == (0 if profile == "vita-wifi" else WEAK)
        drawn.append(bytes(console.ffi.buffer(out)))
    assert drawn[0] == drawn[1] == drawn[3]
    assert drawn[2] != drawn[0]


def test_the_clock_stands_still_between_calls_and_moves_with_each() -> None:
    console = connected("modem")
    assert console.now_us == console.now_us
    start = console.now_us
    console.recv()
    assert console.now_us - start == console.profile.call_us
