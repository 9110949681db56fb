"""Write docs/generated/comparison.md from the stored results of the benchmarks, in benchmarks/baseline/.

`python build_scripts/compare.py` writes the page, `--check` only says whether it is stale. `--keep python` makes the last
result of `make bench-python` (build/bench/python.json) the stored one, with its commit, day and machine.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import platform
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "benchmarks" / "baseline"
PAGE = ROOT / "docs" / "generated" / "comparison.md"

Row = dict[str, Any]

# The rows of the Python bench, in words. The peers are columns: who has no such figure has a dash.
PYTHON_ROWS = {
    "py.emit": "an event through a bound emitter, and its share of the frame",
    "py.emit_method": "the same through `channel.emit(MemoryUpdate(...))`",
    "py.emit_number": "one number through `number_emitter()`",
    "py.emit_bulk": "an event of 64 in a buffer, `emit_buffer()`",
    "py.emit_bulk1024": "an event of 1,024 in a buffer",
    "py.decode_bulk": "an event received and decoded",
    "py.p9999_busy": "one call in 10,000 beside a busy thread",
    "py.import": "importing what events need",
    "py.import.asyncio": "importing the client with asyncio",
}
CORE_ROWS = {
    "core.emit": "one event made in its slot",
    "core.ring_pair": "reserve, commit, peek, release",
    "core.encode1": "one event to a frame with its check sum",
    "core.decode1": "that frame verified, its event found",
    "core.batch16": "16 events to one frame",
    "core.lz4_pack16": "16 events compressed",
    "core.lz4_unpack16": "those expanded",
    "core.text": "code of ring, frame, stream, batch and CRC, `-Os`",
    "core.stack": "deepest call chain",
}
CORE_SOURCE = (
    "`make bench-core`: SH-4, the processor of a Dreamcast, instructions counted under qemu-user, gcc -O2, from the stored result"
    " with which later runs are compared; peers with the revision that was measured. Less is better. `all` is our share of the"
    " peer's figure over x86-64, SH-4, MIPS and ARM, where each is known."
)


def main() -> int:
    """Write the page, or say that it is stale."""
    parser = argparse.ArgumentParser(description="Write the comparison with other systems.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is stale")
    parser.add_argument("--keep", choices=("python", "gateway"), help="store the last result of this benchmark first")
    arguments = parser.parse_args()
    if arguments.keep:
        keep(arguments.keep)
    text = page()
    stale = not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text
    if stale and arguments.check:
        print("stale: docs/generated/comparison.md; run `make generate` and commit the result", file=sys.stderr)
        return 1
    if stale:
        PAGE.write_text(text, encoding="utf-8", newline="\n")
        print(f"wrote: {PAGE.relative_to(ROOT)}")
    return 0


def keep(name: str) -> None:
    """The last result as the stored one. What it was run on is what stands here now."""
    figures = json.loads((ROOT / "build" / "bench" / f"{name}.json").read_text(encoding="utf-8"))
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    head = {
        "made_by": f"make bench-{name}",
        "commit": git.stdout.strip(),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": f"{platform.system()}, {platform.machine()}, CPython {platform.python_version()}",
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items()]
    rows = ",\n".join("  " + json.dumps(row) for row in figures)
    (KEPT / f"{name}.json").write_text("{\n" + "".join(lines) + f' "figures": [\n{rows}\n ]\n}}\n', encoding="utf-8")


def page() -> str:
    """All tables, and what is against us by name."""
    core = json.loads((KEPT / "core.json").read_text(encoding="utf-8"))
    python = json.loads((KEPT / "python.json").read_text(encoding="utf-8"))
    gateway = json.loads((KEPT / "gateway.json").read_text(encoding="utf-8"))
    quoted = tomllib.loads((KEPT / "peers.toml").read_text(encoding="utf-8"))["rows"]
    lines = [
        "# Beside other systems, in figures",
        "",
        "<!-- Written by build_scripts/compare.py from benchmarks/baseline/. Do not edit. -->",
        "",
        "<!-- figures -->",
        "",
        "## Python: a program that sends and receives",
        "",
        f"{_source(python)} Less is better. The unit is one `struct.pack_into` of the same event, but for the last three rows.",
        "",
        *python_table(python["figures"]),
        "",
        "## On a console: the C core",
        "",
        CORE_SOURCE,
        "",
        *core_table(core),
        "",
        "## The gateway",
        "",
        _source(gateway),
        "",
        *gateway_table(gateway["figures"]),
        "",
        "## Others, quoted",
        "",
        "Our own measurements of 22 and 23 November 2026, with the versions named; the programs of these are not in this repository.",
        "",
        *_markdown(["question", "others", "Flight"], [[q["question"], q["peer"], q["flight"]] for q in quoted]),
        "",
        "## Where we lose",
        "",
        *losses(python["figures"], core, gateway["figures"], quoted),
    ]
    return "\n".join(lines) + "\n"


def python_table(figures: list[Row]) -> list[str]:
    """A row for each work, a column for each peer of more than one of them."""
    counts: dict[str, int] = {}
    for row in figures:
        if row["peer"] and not row["peer"].endswith("+crc"):
            counts[row["peer"]] = counts.get(row["peer"], 0) + 1
    peers = [name for name, count in counts.items() if count > 1]
    rows = []
    for name, words in PYTHON_ROWS.items():
        mine = [row for row in figures if row["name"] == name]
        beside = {row["peer"]: row["peer_value"] for row in mine}
        unit = "" if mine[0]["unit"] == "x pack_into" else f" {mine[0]['unit']}"
        cells = [f"{_number(beside[peer])}{unit}" if peer in beside else "-" for peer in peers]
        others = [f"{peer} {_number(value)}{unit}" for peer, value in beside.items() if peer and counts.get(peer) == 1]
        rows.append(
            [f"{words} ({', '.join(others)})" if others else words, f"{_number(mine[0]['value'])}{unit}", *cells]
        )
    return _markdown(["what", "Flight", *peers], rows)


def core_table(figures: list[Row]) -> list[str]:
    """What a peer was measured at."""
    found = {row["name"]: row for row in figures}
    rows = []
    for name, words in CORE_ROWS.items():
        row = found[f"{name}.sh4"]
        shares = [found[f"{name}.{cpu}"]["ratio"] for cpu in ("x86_64", "sh4", "mips", "arm")]
        known = [share for share in shares if share]
        share = f"{min(known):.2f} to {max(known):.2f}" if len(known) == len(shares) else "-"
        peer = f"{_number(row['peer_value'])}: {row['peer']}"
        rows.append([words, f"{_number(row['value'])} {row['unit']}", peer, f"{row['ratio']:.2f}", share])
    for name, words in (("core.frame1_bytes", "one event framed"), ("core.batch16_bytes", "16 events framed")):
        row = found[name]
        peer = f"{_number(row['peer_value'])}: {row['peer']}"
        rows.append([words, f"{_number(row['value'])} bytes", peer, f"{row['ratio']:.2f}", "-"])
    return _markdown(["what", "Flight", "peer", "our share", "all"], rows)


def gateway_table(figures: list[Row]) -> list[str]:
    """Its own figures, with a peer where the run had one for the same."""
    rows = [
        [
            f"`{row['name']}`",
            f"{_number(row['value'])} {row['unit']}",
            f"{row['peer']} {_number(row['peer_value'])}" if row["peer"] else "-",
            row["how"],
        ]
        for row in figures
    ]
    return _markdown(["figure", "Flight", "peer", "how"], rows)


def losses(python: list[Row], core: list[Row], gateway: list[Row], quoted: list[Row]) -> list[str]:
    """Every figure above in which a peer does better, the worst of each work."""
    lines = []
    for name, words in PYTHON_ROWS.items():
        worse = [row for row in python if row["name"] == name and row["peer"] and row["peer_value"] < row["value"]]
        if worse:
            said = ", ".join(f"{row['peer']} {_number(row['peer_value'])}" for row in worse)
            lines.append(f"- **Python**, {words}: {_number(worse[0]['value'])} against {said}.")
    for row in core:
        known = {f"{name}.sh4": words for name, words in CORE_ROWS.items()} | {"core.frame1_bytes": "one event framed"}
        if row["name"] in known and row["peer_value"] and row["peer_value"] < row["value"]:
            lines.append(
                f"- **C**, {known[row['name']]}: {_number(row['value'])} {row['unit']} against "
                f"{_number(row['peer_value'])} ({row['peer']})."
            )
    for row in gateway:
        more_is_better = row["unit"].endswith("/s")
        if row["peer"] and (row["value"] < row["peer_value"]) == more_is_better:
            said = f"{_number(row['value'])} {row['unit']} against {_number(row['peer_value'])} ({row['peer']})"
            lines.append(f"- **Gateway**, `{row['name']}`: {said}.")
    lines += [
        f"- **Gateway**, {row['question']}: {row['flight']}; {row['peer']}." for row in quoted if row["ahead"] == "peer"
    ]
    return lines


def _source(kept: dict[str, Any]) -> str:
    note = f" {kept['note']}" if "note" in kept else ""
    return f"`{kept['made_by']}`, {kept['date']}, commit {kept['commit']}; {kept['machine']}.{note}"


def _number(value: float) -> str:
    """As many digits as mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}".rstrip("0").rstrip(".")


def _markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]]


if __name__ == "__main__":
    raise SystemExit(main())
