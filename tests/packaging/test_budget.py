"""The budget: what it foretells is what the real core packs, and what makes no sense is refused with the reason."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from build_scripts import budget as tool
from build_scripts.budget import BudgetError, Event, budget, parse_event
from flight_client._core import ffi, lib
from flight_client.events import ComponentUpdate, FrameTime, Log, encode_event
from flight_client.wire.frames import seal_frame
from flight_client.wire.ring import EventRing
from tests.packaging.programs import program, run
from tests.project.tree import ROOT

FLAG_CRITICAL, FLAG_BATCH, FLAG_CHECKED, TYPE_DATA = 1, 2, 0x20, 13


def really_sent(events: list[Event], profile: dict[str, Any], delay_ms: float, checked: bool, seconds: int) -> float:
    """Bytes per second of the real core: two rings, everything packed every delay_ms. Written apart from the model."""
    rings = {True: EventRing(8192, profile["slot_bytes"]), False: EventRing(8192, profile["slot_bytes"])}
    names = [event.name for event in events]
    due = [0.5 * 1000 / event.per_second for event in events]
    out = bytearray(profile["frame_bytes"])
    sent = 0
    flush_ms = delay_ms
    while flush_ms <= seconds * 1000:
        while min(due) < flush_ms:
            index = due.index(min(due))
            event = events[index]
            channel = 1 + names.index(event.name)
            body = bytes(event.body_bytes)
            assert rings[event.critical].put(channel, event.layout, int(due[index]), body)
            due[index] += 1000 / event.per_second
        for critical, ring in rings.items():
            prefix = 8 if critical else 0
            flags = FLAG_BATCH | (FLAG_CRITICAL if critical else 0) | (FLAG_CHECKED if checked else 0)
            while ring.count:
                room = len(out) - 16 - prefix - 4
                used = ring.pack(out, 16 + prefix, room, int(flush_ms), profile["batch_events"])
                sent += seal_frame(out, TYPE_DATA, flags, ring.packed_channel, 0, 0, prefix + used)
        flush_ms += delay_ms
    return sent / seconds


def agree(foretold: float, packed: float) -> bool:
    return abs(foretold - packed) <= 0.05 * packed


PLANS = {
    "one channel": ["player:48:60"],
    "a rare one beside it": [
        "frame-time:frame-time:1",
        "player:48:60",
        "log:log+40:0.5",
        "save:component-update+60:0.2:critical",
    ],
    "two that take turns": ["a:20:30", "b:32:30"],
    "two in one channel": ["a:20:30", "a:32:30"],
    "frames that fill up": ["big:500:7", "small:4:200"],
    "critical only": ["a:48:20:critical"],
    "long ones": ["long:3000:3", "short:8:11"],
}


@pytest.mark.parametrize("transport", ["polling", "serial"])
@pytest.mark.parametrize("name", PLANS)
def test_the_bytes_foretold_are_the_bytes_packed(name: str, transport: str) -> None:
    events = [parse_event(text) for text in PLANS[name]]
    profile_name = "vita" if name == "long ones" else "dreamcast"
    for delay_ms in (50, 500, 1000):
        foretold = budget(events, profile_name, delay_ms=delay_ms, transport=transport)["bytes_per_s"]
        packed = really_sent(events, tool.PROFILES[profile_name], delay_ms, transport == "serial", 200)
        assert agree(foretold, packed), (delay_ms, foretold, packed)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.builds(
            Event,
            st.sampled_from("abc"),
            st.integers(1, 100).map(lambda words: 4 * words),
            st.sampled_from([1.0, 2.5, 7, 30, 60]),
            st.booleans(),
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["dreamcast", "psp", "vita", "host"]),
    st.sampled_from([20, 100, 1000]),
)
@example([Event("a", 4, 60, True), Event("a", 4, 60, False)], "dreamcast", 100)
def test_any_plan_is_foretold(events: list[Event], profile: str, delay_ms: int) -> None:
    foretold = budget(events, profile, delay_ms=delay_ms)["bytes_per_s"]
    assert agree(foretold, really_sent(events, tool.PROFILES[profile], delay_ms, False, 40))


def test_sizes_of_layouts_are_those_of_encoded_events() -> None:
    assert parse_event("a:frame-time:1").body_bytes == len(encode_event(FrameTime(1, 2, 3, 4, 5))[1])
    for text in ("", "x", "something is wrong here"):
        assert parse_event(f"a:log+{len(text)}:1").body_bytes == len(encode_event(Log(level="info", text=text))[1])
    component = ComponentUpdate(id="abc", name="de", version="1", metadata={})
    assert parse_event("a:component-update+8:1").body_bytes == len(encode_event(component)[1])  # with {} as text


def test_one_channel_for_what_goes_together_is_cheaper_than_two_that_take_turns() -> None:
    apart = budget([parse_event(text) for text in PLANS["two that take turns"]])
    together = budget([parse_event(text) for text in PLANS["two in one channel"]])
    assert together["bytes_per_s"] < 0.7 * apart["bytes_per_s"]
    assert together["frames_per_s"] < apart["frames_per_s"] / 8


def test_waiting_is_at_most_the_delay_and_half_of_it_on_average() -> None:
    found = budget([Event("a", 48, 60)], delay_ms=500)
    assert found["latency_max_ms"] <= 500
    assert abs(found["latency_mean_ms"] - 250) < 10
    assert budget([Event("a", 48, 60)], delay_ms=0)["latency_max_ms"] == 0


def test_a_transport_that_adds_bytes_costs_them_once_per_send() -> None:
    events = [Event("a", 48, 60), Event("b", 48, 60, critical=True)]
    plain = budget(events, delay_ms=100)
    loaded = budget(events, delay_ms=100, overhead_bytes=48)
    assert loaded["bytes_per_s"] - plain["bytes_per_s"] == pytest.approx(480, rel=0.01)


def test_a_delta_is_counted_where_the_core_has_one() -> None:
    found = budget([Event("a", 16, 60, layout=tool.LAYOUTS["frame-time"]["id"])])
    if hasattr(lib, "flight_delta_pack"):
        assert 0 < found["delta_bytes_per_s"] < found["bytes_per_s"]
    else:
        assert found["delta_bytes_per_s"] is None
        assert "not offered by this core" in tool.table(found)


# --- memory ---


@pytest.mark.parametrize("profile", tool.PROFILES)
def test_memory_is_what_flight_need_says_for_the_profile(profile: str) -> None:
    found = budget([Event("a", 4, 1)], profile, transport="serial")["memory"]
    assert found["total_bytes"] == sum(size for name, size in found.items() if name != "total_bytes")
    spec = tool.PROFILES[profile]
    assert found["store_bytes"] == spec["window_frames"] * spec["frame_bytes"]
    assert found["receive_bytes"] == 2 * spec["frame_bytes"]
    if profile not in tool.MACHINES:
        assert found["objects_bytes"] == 2 * ffi.sizeof("flight_ring") + ffi.sizeof("flight_stream")


@pytest.mark.parametrize("profile", ["dreamcast", "psp", "vita"])
def test_objects_are_as_large_as_the_profiles_own_compiler_makes_them(profile: str, tmp_path: Path) -> None:
    isa, pointer_bytes = tool.MACHINES[profile]
    compiler = {"sh4": "sh4-linux-gnu-gcc", "mips": "mipsel-linux-gnu-gcc", "arm": "arm-linux-gnueabihf-gcc"}[isa]
    size = " && ".join(
        f"sizeof({name}) == {tool.struct_bytes(name, pointer_bytes)}" for name in ("flight_ring", "flight_stream")
    )
    (tmp_path / "size.c").write_text(f'#include "flight.h"\nchar right[{size} ? 1 : -1];\n')
    run(program(compiler), "-ffreestanding", f"-I{ROOT / 'csrc' / 'include'}", "-c", "size.c", folder=tmp_path)


def test_the_default_dreamcast_fits_its_8_kilobytes() -> None:
    assert budget([Event("a", 4, 1)], "dreamcast")["memory"]["total_bytes"] <= 8192


# --- instructions ---


def test_instructions_come_from_the_baseline_or_are_not_measured(tmp_path: Path) -> None:
    path = tmp_path / "core.json"
    events = [Event("a", 48, 60), Event("b", 48, 60)]
    assert budget(events, baseline=path)["instructions"] is None
    assert "not measured" in tool.table(budget(events, baseline=path))
    path.write_text(json.dumps([{"name": "core.emit.sh4", "value": 75}, {"name": "core.batch16.sh4", "value": 8000}]))
    assert budget(events, baseline=path)["instructions"]["per_frame"] == 2 * (75 + 500)
    assert budget(events, "psp", baseline=path)["instructions"] is None
    path.write_text("[1]")
    with pytest.raises(BudgetError, match=r"core\.json is no list of figures"):
        budget(events, baseline=path)


# --- bad input ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no event"),
        ("a:1", "no event"),
        (":4:1", "no event"),
        ("a:4:1:lossy", "no event"),
        ("a:0:1", "0 bytes"),
        ("a:-4:1", "neither"),
        ("a:\uff14:1", "neither"),
        ("a:4.5:1", "neither"),
        ("a:tree:1", "layouts: memory-update"),
        ("a:log+x:1", "no number of bytes"),
        ("a:frame-time+4:1", "no tail"),
        ("a:4:0", "above 0"),
        ("a:4:-1", "above 0"),
        ("a:4:nan", "above 0"),
        ("a:4:inf", "above 0"),
        ("a:4:often", "above 0"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(text: str, words: str) -> None:
    with pytest.raises(BudgetError, match=words):
        parse_event(text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no event"),
        (["a:4:1", "--profile", "saturn"], "profiles: dreamcast"),
        (["a:4:1", "--link", "isdn"], "modem-33k6"),
        (["a:4:1", "--link", "0"], "above 0"),
        (["a:4:1", "--delay-ms", "-1"], "0 to 60000"),
        (["a:4:1", "--delay-ms", "nan"], "0 to 60000"),
        (["a:4:1", "--transport", "pigeon"], "transports: tcp"),
        (["a:4:1", "--overhead-bytes", "-1"], "0 or more"),
        (["a:4:1", "--fps", "0"], "above 0"),
        (["a:513:1"], "split it"),
        (["a:4:2000000"], "at most 1,000,000"),
    ],
)
def test_bad_arguments_end_with_2_and_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        tool.main(arguments)
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("budget: ")
    assert printed.err.count("\n") == 1
    assert words in printed.err


# --- the command ---


def test_the_command_prints_a_table_or_json_and_says_whether_it_fits() -> None:
    command = [
        sys.executable,
        str(ROOT / "build_scripts" / "budget.py"),
        "--link",
        "modem-33k6",
        "--delay-ms",
        "250",
        "player:48:60",
    ]
    printed = run(*command)
    for line in ("profile", "on the wire, raw", "share of the link", "memory", "instructions per frame", "fits"):
        assert f"\n{line}" in f"\n{printed}"
    found = json.loads(run(*command, "--json"))
    assert f"{found['bytes_per_s']:,.0f} bytes/s" in printed
    assert found["problems"] == []
    crowded = subprocess.run([*command, "more:48:100", "--json"], capture_output=True, text=True, check=False)
    assert crowded.returncode == 1
    assert "link" in json.loads(crowded.stdout)["problems"][0]
