"""The generated files of bindings/go. gofmt lines up neighbours: a blank line or a line of its own between them keeps it simple."""

from __future__ import annotations

import json
from typing import Any

from build_scripts import binding_names as names
from build_scripts.binding_names import Member, Spec
from build_scripts.public_enums import ENUMS, enum_values

_TYPES = {
    "memory": "MemorySize",
    "number": "int64",
    "share": "float64",
    "text": "string",
    "bytes": "[]byte",
    "json": "map[string]any",
    "map": "map[string]string",
}
_WORDS = {"id": "ID", "ms": "Ms", "json": "JSON", "us": "Us", "cpu": "CPU"}


def _head(note: str) -> list[str]:
    return [f"// Code generated: {note[0].lower()}{note[1:-13]} DO NOT EDIT.", "", "package realtime", ""]


def exported(name: str) -> str:
    """session_id -> SessionID."""
    return "".join(_WORDS.get(part, part[:1].upper() + part[1:]) for part in name.replace("-", "_").split("_"))


def write_constants(spec: Spec, note: str) -> str:
    """Enums, limits, channels and platforms."""
    out = _head(note)
    for name, (table, doc) in ENUMS.items():
        out += [f"// {name}: {doc[0].lower()}{doc[1:]}", f"type {name} string", ""]
        for value in enum_values(spec, table):
            out += [f'// {name}{exported(value)} is "{value}" in JSON.']
            out += [f'const {name}{exported(value)} {name} = "{value}"', ""]
    for key, number, doc in names.constants(spec):
        out += [f"// {exported(key)}: {doc[0].lower()}{doc[1:]}", f"const {exported(key)} = {json.dumps(number)}", ""]
    return "\n".join(out + _channels(spec) + _profiles(spec))


def _channels(spec: Spec) -> list[str]:
    out = ["// knownChannel is a channel that every tool knows."]
    out += ["type knownChannel struct {", "\tname, event string", "", "\tcritical bool", "}", ""]
    out += ["var knownChannels = []knownChannel{"]
    for name, channel in spec["channels"].items():
        out.append(f'\t{{"{name}", "{channel["event"]}", {json.dumps(channel["critical"])}}},')
    return [*out, "}", ""]


def _profiles(spec: Spec) -> list[str]:
    first = names.profile_values(spec["profiles"][0])
    out = ["// profile is what the specification sets for a platform. Times in ms.", "type profile struct {"]
    for key, value in first.items():
        kind = {bool: "bool", int: "int", str: "string", list: "[]string"}[type(value)]
        out += [f"\t{names.camel(key)} {kind}", ""]
    out[-1] = "}"
    out += ["", "var profiles = []profile{"]
    for profile in spec["profiles"]:
        out.append("\t{")
        out += [f"\t\t{_literal(value)}," for value in names.profile_values(profile).values()]
        out.append("\t},")
    return [*out, "}", ""]


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return "[]string{" + ", ".join(json.dumps(item) for item in value) + "}"
    return json.dumps(value)


def write_events(spec: Spec, note: str) -> str:
    """A struct for the data of each type of event."""
    out = _head(note)
    for layout in spec["layouts"]:
        struct = names.STRUCTS[layout["name"]]
        out += [f"// {struct} is the data of a {layout['name']}. A nil number is unknown, which is not 0."]
        out += [f"type {struct} struct {{", "\tEventOrigin", ""]
        for member in names.members(layout):
            out += [f"\t// {_go_name(member)}: {member.doc}.", f"\t{_field(member)}", ""]
        out[-1] = "}"
        out += ["", "// TypeOfEvent says of which type the event is."]
        out += [f"func (*{struct}) TypeOfEvent() EventType {{ return EventType{exported(layout['name'])} }}", ""]
    return "\n".join(out)


def _go_name(member: Member) -> str:
    if member.name == "id":
        return "ID"
    return "CPU" if member.name == "cpu" else member.name[0].upper() + member.name[1:]


def _field(member: Member) -> str:
    kind = member.enum or _TYPES[member.kind]
    pointer = "*" if member.optional and kind in ("int64", "float64", "string") else ""
    absent = ",omitempty" if member.optional and member.kind == "text" else ""
    return f'{_go_name(member)} {pointer}{kind} `json:"{member.name}{absent}"`'


def outputs(spec: Spec, note: str) -> dict[str, str]:
    """Path below the root -> text."""
    folder = "bindings/go/realtime"
    return {
        f"{folder}/generated_constants.go": write_constants(spec, note),
        f"{folder}/generated_events.go": write_events(spec, note),
    }
