"""Write the test vectors of the protocol and the worked examples of docs/protocol.md, with the real code.

`python build_scripts/make_vectors.py` writes spec/vectors/frames.json and the blocks between the `generated` markers of
docs/protocol.md; `--check` writes nothing and exits 1 when one is stale.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a program, Python looks in this folder only

from build_scripts import coded_cases, protocol_fields, vector_cases  # noqa: E402 - behind the line that makes it findable
from build_scripts.conversation import Conversation, Told  # noqa: E402 - the same

VECTORS = ROOT / "spec" / "vectors" / "frames.json"
CODED = ROOT / "spec" / "vectors" / "coded.json"
DOCUMENT = ROOT / "docs" / "protocol.md"
NOTE = "Written by build_scripts/make_vectors.py with the code of this project. docs/protocol.md says what it means."
_BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def frames_json(told: list[Told]) -> str:
    """All vectors as JSON: one frame a line would be unreadable, one field a line too long."""
    found = [protocol_fields.vector(item.name, item.sender, item.frame) for item in told]
    found += [protocol_fields.vector(name, sender, frame) for name, sender, frame in vector_cases.single_frames()]
    names = [str(entry["name"]) for entry in found]
    assert len(names) == len(set(names)), "two vectors have one name"
    lines = ["{", f'"note": {json.dumps(NOTE)},', '"frames": [']
    lines += _listed(found)
    lines += ["],", '"invalid": [']
    lines += _listed(vector_cases.invalid())
    return "\n".join([*lines, "]", "}", ""])


def coded_json() -> str:
    """The vectors of frames with flags by agreement."""
    found = [protocol_fields.vector(item.name, item.sender, item.frame) for item in coded_cases.frames()]
    return "\n".join(["{", f'"note": {json.dumps(NOTE)},', '"frames": [', *_listed(found), "]", "}", ""])


def _listed(entries: list[dict[str, Any]]) -> list[str]:
    """Each entry over a few lines: one for each of its members."""
    lines = []
    for place, entry in enumerate(entries):
        members = [f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()]
        lines.append("{" + ",\n".join(members).lstrip() + "}" + ("," if place < len(entries) - 1 else ""))
    return lines


def blocks(told: list[Told]) -> dict[str, list[str]]:
    """The generated parts of the document by the name in their marker."""
    resend = vector_cases.HEADER_EXAMPLE
    check, steps = protocol_fields.header_check_steps(resend)
    assert check == resend[3]
    found = {
        "device-states": protocol_fields.state_table(),
        "header-check": [f"    {resend.hex(' ')}", "", *steps, "", f"The check byte is {check:#04x}."],
        "conversation": [],
        "single-frames": [],
        "coded-frames": [],
    }
    for item in told:
        found["conversation"] += example(item.name, item.sender, item.frame, item.said)
    shown = dict(vector_cases.SHOWN)
    for name, sender, frame in vector_cases.single_frames():
        if name in shown:
            found["single-frames"] += example(name, sender, frame, shown[name])
    for coded in coded_cases.frames():
        if coded.said:
            found["coded-frames"] += example(coded.name, coded.sender, coded.frame, coded.said)
    return found


def example(name: str, sender: str, frame: bytes, said: str) -> list[str]:
    """One frame of the worked examples."""
    way = "device to gateway" if sender == "device" else "gateway to device"
    head = f"**{name}**, {way}, {len(frame)} bytes. {said}"
    return ["", *textwrap.wrap(head, 120), "", "```text", *protocol_fields.annotated(frame), "```"]


def with_blocks(text: str, found: dict[str, list[str]]) -> str:
    """The document with every block renewed. A marker without a block, or a block without a marker, ends the run."""
    names = {match["name"] for match in _BLOCK.finditer(text)}
    if names != set(found):
        raise SystemExit(f"docs/protocol.md: the markers are {sorted(names)}, the blocks {sorted(found)}")
    return _BLOCK.sub(lambda match: match[1] + "\n".join(["", *found[match["name"]], "", ""]) + match[3], text)


def outputs() -> dict[Path, str]:
    """What the files must hold."""
    told = Conversation().tell()
    return {
        VECTORS: frames_json(told),
        CODED: coded_json(),
        DOCUMENT: with_blocks(DOCUMENT.read_text(encoding="utf-8"), blocks(told)),
    }


def main(argv: list[str] | None = None) -> int:
    """Write, or only check, both files."""
    parser = argparse.ArgumentParser(description="Write the protocol's vectors and worked examples.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    check: bool = parser.parse_args(argv).check
    stale = []
    for path, text in outputs().items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    if stale:
        print(("stale: " if check else "wrote: ") + ", ".join(stale))
        if check:
            print("run `python build_scripts/make_vectors.py` and commit the result", file=sys.stderr)
    return 1 if stale and check else 0


if __name__ == "__main__":
    raise SystemExit(main())
