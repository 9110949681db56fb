"""The generated modules of bindings/typescript: constants, platforms, and the data of each type of event."""

from __future__ import annotations

import json
from typing import Any

from build_scripts import binding_names as names
from build_scripts.binding_names import Member, Spec
from build_scripts.public_enums import ENUMS, enum_values

_TYPES = {
    "memory": "MemorySize",
    "number": "number",
    "share": "number",
    "text": "string",
    "bytes": "string",
    "json": "Record<string, any>",
    "map": "Record<string, string>",
}


def write_constants(spec: Spec, note: str) -> str:
    """Enums, limits, channels and platforms."""
    out = [f"// {note}", ""]
    for name, (table, doc) in ENUMS.items():
        out += [f"/** {doc} */", f"export const {name} = {{"]
        out += [f'  {names.pascal(value)}: "{value}",' for value in enum_values(spec, table)]
        out += ["} as const;", f"export type {name} = (typeof {name})[keyof typeof {name}];", ""]
    for name, value, doc in names.constants(spec):
        out += [f"/** {doc} */", f"export const {name.upper()} = {json.dumps(value)};", ""]
    out += _channels(spec) + _platforms(spec)
    return "\n".join(out)


def _channels(spec: Spec) -> list[str]:
    out = ["/** What a channel that every tool knows carries, and whether its events are critical by default. */"]
    out += ["export interface KnownChannel {", "  readonly event: EventType;", "  readonly critical: boolean;", "}", ""]
    out += ["/** By the name of the channel. */"]
    out += ["export const KNOWN_CHANNELS: Readonly<Record<string, KnownChannel>> = {"]
    for name, channel in spec["channels"].items():
        out.append(f'  "{name}": {{ event: "{channel["event"]}", critical: {json.dumps(channel["critical"])} }},')
    return [*out, "};", ""]


def _platforms(spec: Spec) -> list[str]:
    out = ["/** What the specification sets for each platform. Times in ms; max_connections 0 means any number. */"]
    out += ["export const PLATFORM_PROFILES = {"]
    for profile in spec["profiles"]:
        out.append(f'  "{profile["name"]}": {{')
        out += [f"    {names.camel(key)}: {json.dumps(value)}," for key, value in names.profile_values(profile).items()]
        out.append("  },")
    out += ["} as const;", "", "/** The names of the platforms. */"]
    return [*out, "export type PlatformName = keyof typeof PLATFORM_PROFILES;", ""]


def write_event_data(spec: Spec, note: str) -> str:
    """An interface for the data of each type of event, and which numbers may be unknown."""
    enums = sorted({member.enum for layout in spec["layouts"] for member in names.members(layout) if member.enum})
    out = [f"// {note}", "", f'import type {{ {", ".join(enums)} }} from "./constants.js";', ""]
    out += ["/** An amount of memory. `bytes` is NaN where it is unknown, which is not 0. */"]
    out += ["export interface MemorySize {", "  bytes: number;", "  humanReadable: string;", "}", ""]
    out += ["/** What the gateway adds: when the event was made (ms since 1970), and whose it is. */"]
    out += [
        "export interface EventOrigin {",
        "  timestamp: number;",
        "  sessionId: string;",
        "  platform: string;",
        "}",
    ]
    for layout in spec["layouts"]:
        out += ["", f"/** Data of a `{layout['name']}`. */"]
        out += [f"export interface {names.STRUCTS[layout['name']]} extends EventOrigin {{"]
        for member in names.members(layout):
            out += [f"  /** {_doc(member)} */", f"  {_declared(member)};"]
        out.append("}")
    out += ["", "/** The data of every type of event. */", "export interface EventDataByType {"]
    out += [f'  "{layout["name"]}": {names.STRUCTS[layout["name"]]};' for layout in spec["layouts"]]
    out += ["}", "", "/** Numbers and amounts that may be unknown: null in JSON, NaN here. */"]
    out += ["export const MAY_BE_UNKNOWN: Readonly<Record<keyof EventDataByType, readonly string[]>> = {"]
    for layout in spec["layouts"]:
        unknown = [member.name for member in names.members(layout) if member.optional and _is_number(member)]
        out.append(f'  "{layout["name"]}": {json.dumps(unknown)},')
    return "\n".join([*out, "};", ""])


def _is_number(member: Member) -> bool:
    return member.kind in ("memory", "number", "share")


def _doc(member: Member) -> str:
    text = member.doc[0].upper() + member.doc[1:] + "."
    return text + " NaN: unknown." if member.optional and member.kind in ("number", "share") else text


def _declared(member: Member) -> str:
    absent = "?" if member.optional and not _is_number(member) else ""
    return f"{member.name}{absent}: {member.enum or _TYPES[member.kind]}"


def outputs(spec: Spec, note: str) -> dict[str, Any]:
    """Path below the root -> text."""
    folder = "bindings/typescript/src/generated"
    return {
        f"{folder}/constants.ts": write_constants(spec, note),
        f"{folder}/event_data.ts": write_event_data(spec, note),
    }
