"""Write every generated file from spec/flight.toml.

`python build_scripts/generate.py` writes them; `--check` writes nothing and exits 1 when one is stale.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a program, Python looks in this folder only

from build_scripts import generate_go, generate_python, generate_typescript  # noqa: E402 - behind the line that makes it findable
from build_scripts.generate_python import KIND_STRUCT, has_wide  # noqa: E402 - behind the line that makes it findable

SPEC = ROOT / "spec" / "flight.toml"
NOTE = "Generated from spec/flight.toml by build_scripts/generate.py. Do not edit."

KIND_BYTES = {"u8": 1, "u16": 2, "i16": 2, "u32": 4}
KIND_C = {"u8": "uint8_t", "u16": "uint16_t", "i16": "int16_t", "u32": "uint32_t"}

# The tables whose entries become constants, with the prefix of the constant.
TABLES = {
    "flags": "FLAG",
    "types": "TYPE",
    "drop_causes": "DROP",
    "gap_reasons": "GAP",
    "channel_modes": "MODE",
    "start_modes": "START",
    "lanes": "LANE",
    "auth_modes": "AUTH",
    "session_states": "STATE",
    "client_types": "CLIENT",
    "capabilities": "CAPABILITY",
    "transports": "TRANSPORT",
    "component_states": "COMPONENT",
    "v6r_event_types": "V6R",
    "command_codes": "COMMAND",
    "log_levels": "LOG",
}
PLAIN = {"timing": "", "limits": ""}
FLAG_MASKS = {"SUPPORTED": "mask", "PLAIN": "plain", "BY_AGREEMENT": "by_agreement"}

# What of a profile the session needs, in the order of the generated tuples.
SESSION_PROFILE = (
    "id",
    "transports",
    "update_interval_ms",
    "max_retries",
    "connect_timeout_ms",
    "connect_retry_interval_ms",
    "frame_bytes",
    "payload_bytes",
    "message_bytes",
    "window_frames",
    "heartbeat_ms",
    "backoff_floor_ms",
    "backoff_cap_ms",
    "poll_floor_ms",
    "batch_delay_ms",
    "probe",
    "batch_events",
    "lossy_slots",
    "link_bytes_per_s",
)
_PROFILE_TYPE = f"tuple[int, tuple[int, ...], {', '.join(['int'] * (len(SESSION_PROFILE) - 2))}]"  # transports second


# The same in C: the members of flight_profile in their order, with their types. Every number fits an int32_t.
C_PROFILE = (
    ("update_interval_ms", "int32_t", "between two polls when nothing is urgent"),
    ("connect_timeout_ms", "int32_t", "for opening a transport, and for the greeting"),
    ("connect_retry_interval_ms", "int32_t", "the first ceiling of the backoff"),
    ("heartbeat_ms", "int32_t", "until WELCOME says otherwise"),
    ("backoff_floor_ms", "int32_t", "the shortest wait after a failure"),
    ("backoff_cap_ms", "int32_t", "the longest one"),
    ("poll_floor_ms", "int32_t", "between two polls when something is urgent"),
    ("batch_delay_ms", "int32_t", "how long lossy events collect"),
    ("batch_events", "int32_t", "that make a batch full"),
    ("lossy_slots", "int32_t", "events of the ring of lossy ones"),
    ("link_bytes_per_s", "int32_t", "that the link drains; 0: it is faster than the queues can fill it"),
    ("frame_bytes", "int32_t", "the largest frame taken or sent"),
    ("payload_bytes", "int32_t", "the largest event in one frame"),
    ("message_bytes", "int32_t", "the largest event at all, in pieces where it is above payload_bytes"),
    ("window_frames", "int32_t", "frames kept until they are acknowledged"),
    ("max_retries", "int32_t", "failures of a transport before the next one is tried"),
    ("id", "uint8_t", "FLIGHT_PLATFORM_..."),
    ("probe", "uint8_t", "1: better transports are tried again"),
)


def constant(*words: str) -> str:
    return "_".join(word for word in words if word).replace("-", "_").upper()


def check_spec(spec: dict[str, Any]) -> None:
    """Refuse a spec that the wire could not carry."""
    for table in TABLES:
        values = list(spec[table].values())
        if len(values) != len(set(values)):
            raise SystemExit(f"spec: two entries of [{table}] have the same value")
    for profile in spec["profiles"]:
        room = profile["frame_bytes"] - spec["frame"]["header_bytes"] - spec["frame"]["trailer_bytes"]
        room -= spec["frame"]["critical_prefix_bytes"] + spec["frame"]["record_head_bytes"] + 4
        if profile["payload_bytes"] > room:
            raise SystemExit(f"spec: {profile['name']}: payload_bytes is over the {room} bytes that a frame holds")
        pieces = -(-(profile["message_bytes"] + 16) // (room - spec["frame"]["fragment_head_bytes"]))
        if profile["message_bytes"] < profile["payload_bytes"] or pieces > profile["window_frames"]:
            raise SystemExit(f"spec: {profile['name']}: message_bytes is below payload_bytes or takes over a window")
        slots = min(profile["critical_slots"], profile["lossy_slots"])
        if profile["memory_bytes"]:
            slots = min(slots // 2, 255)  # what one event may take of the core's ring
        if profile["message_bytes"] + 16 > slots * profile["slot_bytes"]:
            raise SystemExit(f"spec: {profile['name']}: the largest event does not fit the ring")
    for layout in spec["layouts"]:
        for wide in (False, True):
            fixed_bytes(layout, wide)


def field_bytes(field: dict[str, Any], wide: bool) -> int:
    if field["kind"] == "size":
        return 8 if wide else 4
    return KIND_BYTES[field["kind"]]


def fixed_bytes(layout: dict[str, Any], wide: bool) -> int:
    """Size of the fixed part; every field must lie on its natural alignment (8-byte fields on 4)."""
    offset = 0
    for field in layout["fields"]:
        size = field_bytes(field, wide)
        if offset % min(size, 4):
            raise SystemExit(f"spec: {layout['name']}.{field['name']} is not aligned")
        offset += size
    if offset % 4:
        raise SystemExit(f"spec: {layout['name']}: the fixed part is not a multiple of 4")
    return offset


def constants(spec: dict[str, Any]) -> list[tuple[str, list[tuple[str, int]]]]:
    """All integer constants, grouped, as (group, [(name, value)])."""
    groups: list[tuple[str, list[tuple[str, int]]]] = []
    protocol = [(constant(k), v) for k, v in spec["protocol"].items() if isinstance(v, int)]
    groups.append(("protocol", protocol))
    groups.append(("frame", [(constant(k), v) for k, v in spec["frame"].items()]))
    for table, prefix in TABLES.items():
        groups.append((table, [(constant(prefix, k), v) for k, v in spec[table].items()]))
    masks = spec["flags_supported"]
    flags = [(f"FLAGS_{name}", masks[key]) for name, key in FLAG_MASKS.items()]
    groups.append(("flags_supported", flags))
    groups.append(("codes", [(constant("CODE", c["name"]), c["value"]) for c in spec["codes"]]))
    groups.extend((table, [(constant(k), v) for k, v in spec[table].items()]) for table in PLAIN)
    layouts = [(constant("LAYOUT", la["name"]), la["id"]) for la in spec["layouts"]]
    groups.append(("layouts", [*layouts, ("LAYOUT_WIDE", 0x80)]))
    groups.append(("platforms", [(constant("PLATFORM", p["name"]), p["id"]) for p in spec["profiles"]]))
    return groups


def write_c(spec: dict[str, Any]) -> str:
    out = [
        f"/* {NOTE} */",
        "#ifndef FLIGHT_SPEC_H",
        "#define FLIGHT_SPEC_H",
        "",
        "#include <stdint.h>",
    ]
    for group, entries in constants(spec):
        out += ["", f"/* {group} */"]
        out += [
            f"#define FLIGHT_{name} {value:#x}u" if value > 9 else f"#define FLIGHT_{name} {value}u"
            for name, value in entries
        ]
    for layout in spec["layouts"]:
        out += c_layout(layout, wide=False)
        if has_wide(layout):
            out += c_layout(layout, wide=True)
    numbers = (
        "frame_bytes",
        "payload_bytes",
        "message_bytes",
        "slot_bytes",
        "critical_slots",
        "lossy_slots",
        "window_frames",
        "heartbeat_ms",
    )
    for profile in spec["profiles"]:
        out += ["", f"/* profile {profile['name']} */"]
        out += [f"#define {constant('FLIGHT', profile['name'], key)} {profile[key]}u" for key in numbers]
    out += c_profiles(spec)
    out += ["", "#endif", ""]
    return "\n".join(out)


def c_profiles(spec: dict[str, Any]) -> list[str]:
    """The session's share of the profiles: a struct, and an initializer for each platform."""
    fatal = sum(1 << code["value"] for code in spec["codes"] if code["fatal"])
    most = max(len(profile["transports"]) for profile in spec["profiles"])
    out = [
        "",
        "/* codes after which a client stops: bit n stands for code n */",
        f"#define FLIGHT_CODES_FATAL {fatal:#x}u",
    ]
    out += ["", "/* transports that a profile lists at most */", f"#define FLIGHT_PROFILE_TRANSPORTS {most}u"]
    out += ["", "/* What the session needs to know of a platform. Every value may be replaced. */"]
    out += ["typedef struct flight_profile {"]
    out += [f"    {kind} {name}; /* {doc} */" for name, kind, doc in C_PROFILE]
    out += ["    uint8_t transport_count; /* of the next, best first */"]
    out += ["    uint8_t transports[FLIGHT_PROFILE_TRANSPORTS]; /* FLIGHT_TRANSPORT_... */", "} flight_profile;", ""]
    for profile in spec["profiles"]:
        values = [str(int(profile[name])) for name, _, _ in C_PROFILE]
        transports = [str(spec["transports"][name]) for name in profile["transports"]]
        padded = transports + ["0"] * (most - len(transports))
        words = ", ".join([*values, str(len(transports)), "{" + ", ".join(padded) + "}"])
        out.append(f"#define {constant('FLIGHT', profile['name'], 'profile')} {{{words}}}")
    return out


def c_layout(layout: dict[str, Any], wide: bool) -> list[str]:
    """The fixed part as a struct of naturally aligned fields; a 64-bit size is two words, low first."""
    name = layout["name"].replace("-", "_") + ("_wide" if wide else "")
    struct = layout.get("struct", name)  # where the name is needed for a call
    tail = ", ".join(f"{t['name']} ({t['kind']})" for t in layout["tail"]) or "none"
    out = ["", f"/* Fixed part of {layout['name']}{' with 64-bit sizes' if wide else ''}. Tail: {tail}. */"]
    out += [
        f"#define {constant('FLIGHT', name, 'bytes')} {fixed_bytes(layout, wide)}u",
        f"typedef struct flight_{struct} {{",
    ]
    for field in layout["fields"]:
        doc = f" /* {field['doc']}{unit(field)} */" if "doc" in field else ""
        if field["kind"] == "size":
            declaration = f"uint32_t {field['name']}[2]" if wide else f"uint32_t {field['name']}"
        else:
            declaration = f"{KIND_C[field['kind']]} {field['name']}"
        out.append(f"    {declaration};{doc}")
    out.append(f"}} flight_{struct};")
    return out


def unit(field: dict[str, Any]) -> str:
    text = f", in 1/{field['scale']}" if "scale" in field else ""
    unknown = "0x8000" if field["kind"] == "i16" else "all bits set"
    return text + (f", {unknown} = unknown" if field.get("optional") else "")


def write_session(spec: dict[str, Any]) -> str:
    """Constants for the session: the common subset of CPython and MicroPython."""
    out = [f'"""{NOTE}"""', ""]
    wanted: tuple[str, ...] = (
        "protocol",
        "frame",
        "flags",
        "types",
        "drop_causes",
        "gap_reasons",
        "channel_modes",
        "start_modes",
        "lanes",
        "auth_modes",
    )
    wanted += ("session_states", "transports", "flags_supported", "codes", "timing", "limits")
    for group, entries in constants(spec):
        if group in wanted:
            out += [f"# {group}"]
            out += [
                f"{name} = {value:#x}" if value > 255 and value % 1000 else f"{name} = {value}"
                for name, value in entries
            ]
    fatal = tuple(c["value"] for c in spec["codes"] if c["fatal"])
    out += ["", "# codes after which the client stops", f"FATAL_CODES = {fatal!r}"]
    out += ["", "# per platform: " + ", ".join(SESSION_PROFILE), f"PROFILES: dict[str, {_PROFILE_TYPE}] = {{"]
    for profile in spec["profiles"]:
        values = [session_value(spec, profile, key) for key in SESSION_PROFILE]
        out.append(f'    "{profile["name"]}": ({", ".join(values)}),')
    out += ["}", ""]
    return "\n".join(out)


def session_value(spec: dict[str, Any], profile: dict[str, Any], key: str) -> str:
    value = profile[key]
    if key == "transports":
        names = tuple(spec["transports"][name] for name in value)
        return repr(names)
    return repr(int(value))


def write_board_layouts(spec: dict[str, Any]) -> str:
    """For MicroPython: what it needs to check a record, in as few bytes as possible."""
    words = bytearray(2 * (max(layout["id"] for layout in spec["layouts"]) + 1))
    for layout in spec["layouts"]:
        words[2 * layout["id"]] = fixed_bytes(layout, wide=False) // 4
        if has_wide(layout):
            words[2 * layout["id"] + 1] = fixed_bytes(layout, wide=True) // 4
    literal = "".join(f"\\x{byte:02x}" for byte in words)
    out = [
        f'"""{NOTE}"""',
        "",
        "# 32-bit words of the fixed part, narrow and wide, of each layout from 0; 0: there is none",
    ]
    return "\n".join([*out, f'FIXED = b"{literal}"', ""])


def write_board_tables(spec: dict[str, Any]) -> str:
    """For MicroPython: fields and tails of the events."""
    out = [f'"""{NOTE}"""', ""]
    out += ["# name: layout, ((field, struct code or Z for a size, scale, may be unknown, names), ...),"]
    out += ["#       ((tail field, kind, limit in bytes, may be absent), ...)", "EVENTS = {"]
    for layout in spec["layouts"]:
        out.append(f'    "{layout["name"]}": (')
        out.append(f"        {layout['id']},")
        out.append("        (")
        for field in layout["fields"]:
            code = "Z" if field["kind"] == "size" else KIND_STRUCT[field["kind"]]
            name = None if field["name"].startswith("reserved") else field["name"]
            names = dict(spec[field["enum"]]) if "enum" in field else None
            out.append(f"            {(name, code, field.get('scale', 1), bool(field.get('optional')), names)!r},")
        out.append("        ),")
        tails = [(t["name"], t["kind"], t["limit"], bool(t.get("optional"))) for t in layout["tail"]]
        out.append(f"        {tuple(tails)!r},")
        out.append("    ),")
    return "\n".join([*out, "}", ""])


def write_board_profiles(spec: dict[str, Any]) -> str:
    """For MicroPython: channels whose events are critical, and what a client needs to know of a platform besides PROFILES."""
    out = [f'"""{NOTE}"""', ""]
    critical = tuple(name for name, channel in spec["channels"].items() if channel["critical"])
    out += ["# channels whose events are critical unless the program says otherwise", f"CRITICAL = {critical!r}"]
    out += ["", "# per platform: client type, capabilities, slot_bytes, critical_slots, lossy_slots", "LIMITS = {"]
    for profile in spec["profiles"]:
        bits = sum(spec["capabilities"][name] for name in profile["capabilities"])
        slots = (profile["slot_bytes"], profile["critical_slots"], profile["lossy_slots"])
        values = (spec["client_types"][profile["client_type"]], bits, *slots)
        out.append(f'    "{profile["name"]}": {values!r},')
    return "\n".join([*out, "}", ""])


# What the first table of the profiles has no room for, with what it says to a reader.
PROFILE_DETAILS = {
    "connect_timeout_ms": "for opening a transport, and for the greeting",
    "connect_retry_interval_ms": "the first ceiling of the wait between two attempts",
    "retry_interval_ms": "between two sendings of one message, in create_message_routing()",
    "max_connections": "of a device per channel; 0 = any number",
    "critical_slots": "slots of the queue of critical events",
    "lossy_slots": "slots of the queue of lossy events",
    "batch_events": "events that make a batch full",
    "batch_delay_ms": "how long lossy events collect",
    "history_events": "events that a stream keeps as `recent`, and last values",
    "link_bytes_per_s": "what the link drains; 0 = faster than the queues can fill it",
}


def docs_profile_details(profiles: list[dict[str, Any]]) -> list[str]:
    """Values down, platforms across: there are more values than a page is wide."""
    rows = [[key, *(cell(p[key]) for p in profiles), text] for key, text in PROFILE_DETAILS.items()]
    return markdown(["value", *(p["name"] for p in profiles), "what it is"], rows)


def write_docs(spec: dict[str, Any]) -> str:
    out = ["# Reference of the specification", "", f"<!-- {NOTE} -->", ""]
    out += ["## Platform profiles", ""]
    keys: tuple[str, ...] = (
        "name",
        "memory",
        "connection_mode",
        "transports",
        "update_interval_ms",
        "max_retries",
        "frame_bytes",
    )
    keys += (
        "payload_bytes",
        "message_bytes",
        "window_frames",
        "heartbeat_ms",
        "backoff_floor_ms",
        "backoff_cap_ms",
        "poll_floor_ms",
    )
    rows = [[cell(profile[key]) for key in keys] for profile in spec["profiles"]]
    out += markdown(list(keys), rows)
    out += ["", *docs_profile_details(spec["profiles"])]
    out += ["", "## Frame types and flags", ""]
    out += markdown(["type", "value"], [[k, str(v)] for k, v in spec["types"].items()])
    out += [""]
    mask = spec["flags_supported"]["mask"]
    agreed = spec["flags_supported"]["by_agreement"]
    flags = [
        [k, f"{v:#04x}", "yes" if v & mask else "refused in this version", "yes" if v & agreed else "no"]
        for k, v in spec["flags"].items()
    ]
    out += markdown(["flag", "bit", "understood", "only where agreed"], flags)
    out += ["", "## Codes", ""]
    rows = [
        [c["name"], str(c["value"]), "yes" if c["fatal"] else "no", c["fault"], c["text"], c["next"]]
        for c in spec["codes"]
    ]
    out += markdown(["code", "value", "fatal", "fault", "what happened", "what to do"], rows)
    for table in (
        "session_states",
        "drop_causes",
        "gap_reasons",
        "start_modes",
        "channel_modes",
        "lanes",
        "auth_modes",
        "client_types",
        "capabilities",
    ):
        out += ["", f"## {table.replace('_', ' ').capitalize()}", ""]
        out += markdown(["name", "value"], [[k, str(v)] for k, v in spec[table].items()])
    out += ["", "## Timing and limits", ""]
    out += markdown(["name", "value"], [[k, str(v)] for table in PLAIN for k, v in spec[table].items()])
    out += ["", "## Event layouts", ""]
    for layout in spec["layouts"]:
        out += docs_layout(layout)
    return "\n".join(out)


def docs_layout(layout: dict[str, Any]) -> list[str]:
    title = f"### {layout['name']}, layout {layout['id']}"
    if has_wide(layout):
        title += f", wide {layout['id'] | 0x80}"
    out = [title, ""]
    rows, narrow, wide = [], 0, 0
    for field in layout["fields"]:
        doc = field.get("doc", "must be 0") + unit(field)
        rows.append([field["name"], field["kind"], str(narrow), str(wide) if has_wide(layout) else "", doc])
        narrow, wide = narrow + field_bytes(field, False), wide + field_bytes(field, True)
    out += markdown(["field", "kind", "offset", "offset (wide)", "meaning"], rows)
    if layout["tail"]:
        out += [""]
        rows = [[t["name"], t["kind"], str(t["limit"]), "yes" if t.get("optional") else "no"] for t in layout["tail"]]
        out += markdown(["tail field", "kind", "limit in bytes", "may be absent"], rows)
    return [*out, ""]


def cell(value: object) -> str:
    return ", ".join(str(v) for v in value) if isinstance(value, list) else str(value)


def markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def outputs(spec: dict[str, Any]) -> dict[Path, str]:
    return {
        ROOT / "csrc" / "include" / "flight_spec.h": write_c(spec),
        ROOT / "flight_client" / "session" / "spec.py": write_session(spec),
        ROOT / "flight_client" / "_tables.py": generate_python.write_tables(spec, tuple(TABLES), NOTE),
        ROOT / "flight_client" / "_profiles.py": generate_python.write_profiles(spec, NOTE),
        ROOT / "flight_client" / "enums.py": generate_python.write_enums(spec, NOTE),
        ROOT / "docs" / "reference-spec.md": write_docs(spec),
        ROOT / "micropython" / "flight_client" / "layouts.py": write_board_layouts(spec),
        ROOT / "micropython" / "flight_client" / "tables.py": write_board_tables(spec),
        ROOT / "micropython" / "flight_client" / "profiles.py": write_board_profiles(spec),
        **{ROOT / path: text for path, text in generate_typescript.outputs(spec, NOTE).items()},
        **{ROOT / path: text for path, text in generate_go.outputs(spec, NOTE).items()},
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the files generated from spec/flight.toml.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    arguments = parser.parse_args(argv)
    spec = tomllib.loads(SPEC.read_text(encoding="utf-8"))
    check_spec(spec)
    stale = []
    for path, text in outputs(spec).items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    if stale:
        print(("stale: " if arguments.check else "wrote: ") + ", ".join(stale))
        if arguments.check:
            print("run `make generate` and commit the result", file=sys.stderr)
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    raise SystemExit(main())
