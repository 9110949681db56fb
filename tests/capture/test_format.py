"""The file of a recording: what was written is read, what is damaged is noticed, nothing it says takes memory."""

import io
import struct
import tracemalloc
from pathlib import Path

import pytest

from flight_client.capture import Report, replay
from flight_client.capture.fields import DamagedError, FieldReader, put_bytes, put_number, put_signed
from flight_client.capture.format import CUT, DAMAGED, LARGEST_RECORD_BYTES, MAGIC, WHOLE, CaptureFile, CaptureWriter
from flight_client.capture.header import codec_of
from flight_client.errors import CallerError
from tests.capture.sessions import record_small, record_smallest


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    path = tmp_path / "whole.capture"
    record_small(path)
    return path.read_bytes()


def replayed(path: Path, data: bytes) -> Report | None:
    """What a replay finds in these bytes; None where they are refused."""
    path.write_bytes(data)
    try:
        return replay(path)
    except DamagedError:
        return None


def boundaries(data: bytes) -> list[int]:
    """Where records end."""
    found = [len(MAGIC)]
    while found[-1] < len(data):
        found.append(found[-1] + 8 + struct.unpack_from("<I", data, found[-1])[0])
    return found


def test_what_was_written_is_read(tmp_path: Path) -> None:
    writer = CaptureWriter(tmp_path / "a")
    bodies = [b"x" * size for size in (1, 0x7F, 0x80, 70_000)]
    for body in (b'{"a":1}', *bodies, b""):
        assert writer.write(body)
    writer.close()
    file = CaptureFile(tmp_path / "a")
    assert file.header == {"a": 1}
    assert list(file.records()) == bodies
    assert file.ending == WHOLE
    file.close()


@pytest.mark.parametrize("value", [0, 1, -1, 127, -128, 128, 1 << 30, -(1 << 40), (1 << 62) - 1])
def test_numbers_and_byte_strings_survive(value: int) -> None:
    out = bytearray()
    put_signed(out, value)
    put_number(out, abs(value))
    put_bytes(out, b"bytes")
    reader = FieldReader(bytes(out))
    assert (reader.signed(), reader.number(), reader.bytes(), reader.left) == (value, abs(value), b"bytes", 0)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 12], ids=["none", "cut", "endless"])
def test_a_number_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(DamagedError):
        FieldReader(data).number()


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("precious")
    with pytest.raises(CallerError, match="such a file already"):
        CaptureWriter(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "precious"


def test_a_file_cut_anywhere_is_refused_or_read_up_to_its_last_whole_record(whole: bytes, tmp_path: Path) -> None:
    ends = boundaries(whole)
    for size in range(len(whole)):
        report = replayed(tmp_path / "cut", whole[:size])
        records = sum(end <= size for end in ends) - 2  # the magic and the header are none
        if records < 0:
            assert report is None, size
            continue
        assert report is not None, size
        assert (report.happenings, report.ending, report.difference) == (records, CUT, None), size
        assert report.same


def test_one_flipped_bit_anywhere_is_refused_or_ends_the_reading_there(tmp_path: Path) -> None:
    record_smallest(tmp_path / "a")
    whole = (tmp_path / "a").read_bytes()
    ends = boundaries(whole)
    for bit in range(len(whole) * 8):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        records = sum(end <= bit // 8 for end in ends) - 2  # whole ones before the damage
        try:
            file = CaptureFile(io.BytesIO(data))
        except DamagedError:
            assert records < 0, bit
            continue
        codec = codec_of(file.header)
        steps = [codec.read(body) for body in file.records()]
        assert len(steps) == records, bit
        assert file.ending in (CUT, DAMAGED), bit  # a length that grew looks like a cut


@pytest.mark.parametrize("change", ["removed", "doubled", "swapped"])
def test_records_that_are_taken_out_or_moved_are_noticed(whole: bytes, tmp_path: Path, change: str) -> None:
    ends = boundaries(whole)
    parts = [whole[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    if change == "removed":
        del parts[5]
    elif change == "doubled":
        parts.insert(5, parts[5])
    else:
        parts[5], parts[6] = parts[6], parts[5]
    report = replayed(tmp_path / "moved", b"".join(parts))
    assert report is not None
    assert report.ending == DAMAGED
    assert not report.same


def test_something_behind_the_end_is_noticed(whole: bytes, tmp_path: Path) -> None:
    report = replayed(tmp_path / "longer", whole + b"\0")
    assert report is not None
    assert not report.same


@pytest.mark.parametrize("size", [LARGEST_RECORD_BYTES, LARGEST_RECORD_BYTES + 1, 0xFFFFFFFF])
def test_a_length_that_lies_takes_no_memory(whole: bytes, tmp_path: Path, size: int) -> None:
    at = boundaries(whole)[4]
    tracemalloc.start()
    report = replayed(tmp_path / "lying", whole[:at] + struct.pack("<I", size) + whole[at + 4 :])
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report is not None
    assert report.happenings == 3
    assert peak_bytes < 3 * LARGEST_RECORD_BYTES


@pytest.mark.parametrize("data", [b"", b"FLIGHT", b"\xd4\xc3\xb2\xa1" + bytes(40), MAGIC[:-1] + b"\x02" + bytes(40)])
def test_another_file_is_refused(tmp_path: Path, data: bytes) -> None:
    assert replayed(tmp_path / "other", data) is None


def test_a_file_at_its_limit_ends_with_whole_records_and_the_session_goes_on(tmp_path: Path) -> None:
    from tests.capture import sessions

    desk = sessions.Desk(tmp_path / "a", limit_bytes=4000)
    desk.session.start(desk.now)
    for _ in range(300):
        desk.run(1)
    assert "limit" in desk.recorder.trouble
    assert (tmp_path / "a").stat().st_size <= 4000
    report = replay(tmp_path / "a")
    assert report.same
    assert report.ending == CUT
    assert report.happenings > 20
