"""The payloads that a gateway reads and writes, and what it grants on HELLO."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flight_client.session.common.profile import Profile
from flight_client.session.device.agreement import Agreement
from flight_client.session.device.channels import ChannelState
from flight_client.session.device.identity import Identity
from flight_client.session.device.messages import Ending, Welcome, write_attach, write_hello, write_open, write_poll
from flight_client.session.gateway import messages
from flight_client.session.gateway.agreement import Agreement as Granted
from flight_client.session.gateway.agreement import refusal_of
from flight_client.session.spec import (
    AUTH_HMAC,
    CODE_FORBIDDEN,
    CODE_OK,
    CODE_UNSUPPORTED,
    FLAG_COMPRESSED,
    FLAG_DELTA,
    FLAG_MORE,
    PROFILES,
    TEXT_BYTES,
    TOKEN_BYTES,
)


def wishes():
    agreement = Agreement(Profile(PROFILES["vita"]))
    agreement.reads, agreement.sends, agreement.unpacked_bytes = FLAG_DELTA | FLAG_MORE, FLAG_DELTA, 20000
    return agreement


def hello_bytes(token=b"token"):
    identity = Identity(b"vita-1", b"vita", 3, b"1.2.3", 1)
    identity.token = token
    identity.capabilities = 15
    identity.incarnation[:] = b"incarnat"
    identity.boot[:] = b"boot----"
    out = bytearray(640)
    count = write_hello(out, identity, Profile(PROFILES["vita"]), wishes(), b"nonce---")
    return bytes(out[16 : 16 + count])


def attach_bytes():
    out = bytearray(640)
    count = write_attach(out, b"0123456789abcdef", 7, 9)
    out[40:56] = b"proofproofproof!"
    return bytes(out[16 : 16 + count])


def open_bytes():
    state = ChannelState(b"memory-updates", 3, 2, 10)
    state.epoch[:] = b"epoch--1"
    state.offset[:] = (77).to_bytes(8, "little")
    out = bytearray(640)
    count = write_open(out, state)
    return bytes(out[16 : 16 + count])


def test_hello_reads_as_it_was_written():
    data = hello_bytes()
    hello = messages.read_hello(data, 0, len(data))
    assert hello is not None
    assert (hello.device_id, hello.platform, hello.version, hello.token) == (b"vita-1", b"vita", b"1.2.3", b"token")
    assert (hello.client_type, hello.platform_number, hello.version_min, hello.version_max) == (1, 3, 1, 1)
    assert (hello.frame_bytes, hello.window_frames, hello.window_bytes) == (4096, 16, 65536)
    assert (hello.incarnation, hello.boot, hello.nonce, hello.capabilities) == (
        b"incarnat",
        b"boot----",
        b"nonce---",
        15,
    )
    assert (hello.flags_read, hello.flags_sent, hello.lanes, hello.auth, hello.unpacked_bytes) == (
        FLAG_DELTA | FLAG_MORE, FLAG_DELTA, 3, 0, 20000,
    )  # fmt: skip


def test_the_largest_hello_fits_its_frame_and_no_larger_one_is_made():
    identity = Identity(b"d" * 32, b"p" * 16, 3, b"v" * 16, 1)
    identity.token = b"t" * 480
    assert identity.fits()
    out = bytearray(640)
    count = write_hello(out, identity, Profile(PROFILES["vita"]), wishes(), bytes(8))
    assert 16 + count + 4 <= 640
    assert messages.read_hello(out, 16, 16 + count) is not None
    for name, value in (("device_id", b""), ("device_id", b"d" * 33), ("platform", b"p" * 17), ("version", b"v" * 17),
                        ("token", b"t" * 481)):  # fmt: skip
        other = Identity(b"d", b"p", 3, b"v", 1)
        setattr(other, name, value)
        assert not other.fits(), name


def test_attach_poll_and_open_read_as_they_were_written():
    data = attach_bytes()
    attach = messages.read_attach(data, 0, 40)
    assert attach is not None
    assert (attach.session_id, attach.generation, attach.number) == (b"0123456789abcdef", 7, 9)
    assert attach.proof == b"proofproofproof!"
    out = bytearray(640)
    assert write_poll(out, b"0123456789abcdef", 7, 9) == 40
    assert bytes(out[16:40]) == data[:24]
    data = open_bytes()
    opened = messages.read_open(data, 0, len(data))
    assert opened is not None
    assert (opened.mode, opened.start, opened.count, opened.epoch, opened.offset, opened.name) == (
        3, 2, 10, b"epoch--1", 77, b"memory-updates",
    )  # fmt: skip


READERS = [
    (messages.read_hello, hello_bytes()),
    (messages.read_attach, attach_bytes()),
    (messages.read_open, open_bytes()),
]


@pytest.mark.parametrize(("read", "data"), READERS)
def test_every_truncation_is_refused_and_so_is_a_byte_too_many(read, data):
    assert read(data, 0, len(data)) is not None
    for end in range(len(data)):
        assert read(data, 0, end) is None, end
        assert read(data[:end], 0, end) is None, end
    assert read(data + b"x", 0, len(data) + 1) is None


@pytest.mark.parametrize(("read", "data"), READERS)
@settings(max_examples=300)
@given(noise=st.binary(max_size=700))
def test_random_bytes_are_read_or_refused_without_an_exception(read, data, noise):
    read(noise, 0, len(noise))


@pytest.mark.parametrize(("read", "data"), READERS)
@settings(max_examples=300)
@given(
    edits=st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), min_size=1, max_size=4),
    start=st.integers(0, 5),
)
def test_damaged_payloads_are_read_or_refused_without_an_exception(read, data, edits, start):
    damaged = bytearray(bytes(start) + data)
    for at, value in edits:
        damaged[start + at % len(data)] = value
    read(damaged, start, len(damaged))


def test_numbers_over_the_limit_and_empty_windows_are_refused():
    data = bytearray(hello_bytes())
    for at, value in ((7, 0x40), (15, 0x40), (47, 0x40)):
        damaged = bytearray(data)
        damaged[at] = value
        assert messages.read_hello(damaged, 0, len(damaged)) is None
    for at, count in ((8, 2), (10, 2), (12, 4)):
        damaged = bytearray(data)
        damaged[at : at + count] = bytes(count)
        assert messages.read_hello(damaged, 0, len(damaged)) is None
    for at in (19, 23):
        damaged = bytearray(attach_bytes())
        damaged[at] = 0x40
        assert messages.read_attach(damaged, 0, 40) is None


def test_welcome_reads_as_it_was_written_and_no_truncation_does():
    sent = messages.welcome(b"0123456789abcdef", b"abcdefgh", b"incarnat", b"epoch--1", b"nonce---",
                            (5000, 8, 1 << 20, 250, 3, 4, 60_000, 7000, 9000, 11_000, 0x44, 0x08, 1))  # fmt: skip
    welcome = Welcome()
    assert welcome.read(sent, 0, len(sent))
    assert (welcome.heartbeat_ms, welcome.window_frames, welcome.frame_bytes) == (5000, 8, 0xFFFF)
    assert (welcome.spread_ms, welcome.mark, welcome.lossy_stored, welcome.session_ttl_ms) == (250, 3, 4, 60_000)
    assert (welcome.window_bytes, welcome.token_expires_in_ms, welcome.unpacked_bytes) == (7000, 9000, 11_000)
    assert (welcome.flags_up, welcome.flags_down, welcome.auth) == (0x44, 0x08, 1)
    assert (
        bytes(welcome.session_id + welcome.short_id + welcome.incarnation + welcome.epoch + welcome.server_nonce)
        == (sent[:48])
    )
    assert not any(Welcome().read(sent, 0, end) for end in range(88))
    for at in (51, 59, 63, 67, 71, 75, 79, 83):
        damaged = bytearray(sent)
        damaged[at] = 0x40
        assert not Welcome().read(damaged, 0, len(damaged))
    for at, count in ((48, 4), (52, 2), (54, 2), (72, 4)):
        damaged = bytearray(sent)
        damaged[at : at + count] = bytes(count)
        assert not Welcome().read(damaged, 0, len(damaged))


@given(st.text(max_size=200))
@example("\u20ac" * 60)
@example("\U0001f680" * 41)
@example("x" * 161)
def test_a_text_is_cut_to_its_limit_and_stays_utf_8(text):
    sent = messages.ending(10, 1234, text)
    ending = Ending()
    assert ending.read(sent, 0, len(sent))
    assert (ending.code, ending.retry_after_ms) == (10, 1234)
    said = sent[ending.text_start : ending.text_end]
    assert len(said) <= TEXT_BYTES
    assert text.startswith(said.decode())
    assert len(said) > TEXT_BYTES - 4 or said.decode() == text
    for end in range(len(sent)):
        assert not Ending().read(sent, 0, end)
    assert messages.opened(3, 2, bytes(8), 5, text)[20:] == said
    assert messages.refused(3, 2, 5, text)[12:] == said


def test_an_ending_with_a_wait_over_the_limit_is_refused():
    assert not Ending().read(bytes((1, 0, 0, 0, 0, 0, 0, 0x40)), 0, 8)


def test_the_other_writers_lay_out_what_the_specification_says():
    assert messages.resumed(1, 2, 3, 4) == bytes((1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0))
    assert messages.gap(3, b"epoch--1", 5, 6) == b"\x03\0\0\0epoch--1" + bytes((5, *bytes(7), 6, *bytes(7)))
    assert messages.counts(5) == bytes((5, 0, 0, 0))
    assert messages.counts(5, 0) == bytes((5, 0, 0, 0, 0, 0, 0, 0))
    assert messages.refused(9, 15, 2) == bytes((9, 0, 0, 0, 15, 0, 0, 0, 2, 0, 0, 0))
    assert messages.opened(0, 3, b"epoch--1", 9) == b"\0\x03\0\0epoch--1" + bytes((9, *bytes(7)))


def hello_of(**fields):
    hello = messages.read_hello(hello_bytes(), 0, len(hello_bytes()))
    for name, value in fields.items():
        setattr(hello, name, value)
    return hello


def test_flags_are_granted_in_each_direction_only_where_both_sides_know_them():
    known = FLAG_DELTA | FLAG_MORE
    granted = Granted(hello_of(flags_read=0xFF, flags_sent=FLAG_DELTA | 0x80), known, FLAG_MORE | FLAG_COMPRESSED, 5000)
    assert (granted.up, granted.down) == (FLAG_DELTA, FLAG_MORE | FLAG_COMPRESSED)
    assert (granted.unpacked_in_bytes, granted.unpacked_out_bytes) == (5000, 20000)
    granted = Granted(hello_of(flags_read=0, flags_sent=0), known, known)
    assert (granted.up, granted.down) == (0, 0)


@pytest.mark.parametrize(
    ("lanes", "critical", "lossy"), [(0, False, False), (1, True, False), (2, False, True), (3, True, True)]
)
def test_a_device_may_send_on_the_lanes_that_it_asked_for(lanes, critical, lossy):
    granted = Granted(hello_of(lanes=lanes))
    assert (granted.may_send(True), granted.may_send(False)) == (critical, lossy)


def test_unknown_lanes_and_authentication_that_is_not_there_are_refused():
    assert refusal_of(hello_of()) == CODE_OK
    for fields in ({"lanes": 4}, {"lanes": 0xFF}, {"auth": AUTH_HMAC}, {"auth": 9}):
        assert refusal_of(hello_of(**fields)) == CODE_UNSUPPORTED, fields


def test_a_device_with_a_key_may_not_leave_it_out():
    assert refusal_of(hello_of(auth=AUTH_HMAC), has_key=True) == CODE_OK
    assert refusal_of(hello_of(), has_key=True) == CODE_FORBIDDEN
    assert refusal_of(hello_of(auth=9), has_key=True) == CODE_UNSUPPORTED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\x02\0a",
        b"\x01\0ab",
        b"\xff\xff" + bytes(0xFFFF),
        (TOKEN_BYTES + 1).to_bytes(2, "little") + bytes(TOKEN_BYTES + 1),
    ],
)
def test_a_token_of_another_length_than_it_says_or_of_too_many_bytes_is_refused(data):
    assert messages.read_token(data, 0, len(data)) is None
    longest = TOKEN_BYTES.to_bytes(2, "little") + b"t" * TOKEN_BYTES
    assert messages.read_token(longest, 0, len(longest)) == b"t" * TOKEN_BYTES
