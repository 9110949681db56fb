"""The comparison says what is stored, and hides nothing that is against us."""

import json

from build_scripts import compare


def test_the_page_is_made_from_the_stored_results() -> None:
    assert compare.PAGE.read_text(encoding="utf-8") == compare.page(), "run `make generate` and commit the result"


def test_whatever_a_peer_does_better_stands_under_its_heading() -> None:
    names = {"py.emit": 1.0, "py.emit_method": 3.0}
    python = [
        {"name": name, "value": value, "unit": "x pack_into", "peer": "codec", "peer_value": 2.0}
        for name, value in names.items()
    ]
    core = [{"name": "core.text.sh4", "value": 300, "unit": "bytes", "peer": "small", "peer_value": 200}]
    gateway = [
        {"name": "gw.slow", "value": 2.0, "unit": "ms", "peer": "broker", "peer_value": 1.0},
        {"name": "gw.fast", "value": 2.0, "unit": "frames/s", "peer": "broker", "peer_value": 1.0},
        {"name": "gw.few", "value": 1.0, "unit": "frames/s", "peer": "broker", "peer_value": 2.0},
    ]
    quoted = [
        {"question": "here", "flight": "more", "peer": "less", "ahead": "flight"},
        {"question": "there", "flight": "less", "peer": "more", "ahead": "peer"},
    ]
    found = compare.losses(python, core, gateway, quoted)
    assert len(found) == 5
    for line, words in zip(found, ("channel.emit", "small", "gw.slow", "gw.few", "there"), strict=True):
        assert words in line


def test_every_stored_figure_of_python_that_has_a_row_is_shown() -> None:
    kept = json.loads((compare.KEPT / "python.json").read_text(encoding="utf-8"))
    shown = compare.python_table(kept["figures"])
    assert len(shown) == 2 + len(compare.PYTHON_ROWS)
    assert {row["name"] for row in kept["figures"]} - set(compare.PYTHON_ROWS) == {"py.import.bare"}
