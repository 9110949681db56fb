"""flight_log's own formatter, held against Python's."""

from __future__ import annotations

import random

from tests.console.world import World


def world_of_lines() -> World:
    world = World(critical_slots=128)
    world.connect()
    return world


def written(world: World) -> list[str]:
    for _ in range(400):
        world.frame(50)
        if world.status().queued == 0:
            break
    return world.lines()


def test_every_letter_and_width_is_written_as_printf_does() -> None:
    world = world_of_lines()
    expected = []
    source = random.Random(7)
    for _ in range(60):
        flags = source.choice(["", "0", "-", ""])
        width = source.choice(["", "1", "5", "12"])
        letter = source.choice("duxX")
        number = source.choice([0, 1, 9, 10, 255, 65535, 2**31 - 1, source.getrandbits(31)])
        form = f"a%{flags}{width}{letter}b"
        assert world.lib.rig_log_words(1, form.encode(), number, 0, 0) == 0
        expected.append(form % number)
        world.frame(20)
    assert written(world) == expected


def test_negative_and_64_bit_numbers() -> None:
    world = world_of_lines()
    cases = [
        (-1, "%lld"),
        (-(2**63), "%lld"),
        (2**63 - 1, "%lld"),
        (-42, "%06lld"),
        (-42, "%-8lld|"),
        (2**64 - 1, "%llu"),
    ]
    for number, form in cases:
        signed = number - 2**64 if number >= 2**63 else number
        assert world.lib.rig_log(1, form.encode(), signed, 0) == 0
    expected = [form.replace("ll", "") % number for number, form in cases]
    assert written(world) == expected


def test_texts_letters_pointers_and_percent() -> None:
    world = world_of_lines()
    assert world.lib.rig_log_text(1, b"[%8s] 100%%", b"left") == 0
    assert world.lib.rig_log_text(1, b"[%-8s]", b"left") == 0
    assert world.lib.rig_log_text(1, b"%s", world.ffi.NULL) == 0
    assert world.lib.rig_log_words(1, b"%c%c%u", ord("o"), ord("k"), 7) == 0
    assert world.lib.rig_log(1, b"%p", 0x8C010000, 0) == 0
    assert written(world) == ["[    left] 100%", "[left    ]", "(null)", "ok7", "8c010000"]


def test_what_it_does_not_know_is_written_as_it_stands_and_ends_the_values() -> None:
    world = world_of_lines()
    assert world.lib.rig_log_words(1, b"%u %f %u", 1, 2, 3) == 0
    assert world.lib.rig_log_words(1, b"%u %", 1, 2, 3) == 0
    assert written(world) == ["1 %f %u", "1 %"]


def test_a_long_text_is_cut_at_a_letter_and_bad_utf8_is_mended() -> None:
    world = world_of_lines()
    assert world.log("x" * 300) == 0
    assert world.log("x" * 119 + "é" * 3) == 0
    for bad in (b"caf\xe9!", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", "grün 10 €".encode()):
        assert world.lib.rig_log_text(1, b"%s", bad) == 0
    assert written(world) == ["x" * 120, "x" * 119 + "?", "caf?!", "??", "???", "????", "??", "grün 10 €"]


def test_a_level_that_is_none_is_refused() -> None:
    world = world_of_lines()
    assert world.log("x", 4) == -1
    assert world.log("x", -1) == -1
