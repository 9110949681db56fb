"""The generated modules that only CPython reads: tables, profiles and the public enums."""

from __future__ import annotations

import pprint
from typing import Any

from build_scripts.public_enums import ENUMS, enum_values

KIND_STRUCT = {"u8": "B", "u16": "H", "i16": "h", "u32": "I"}


def has_wide(layout: dict[str, Any]) -> bool:
    """Whether a layout has sizes, and with them a form with 64-bit ones."""
    return any(field["kind"] == "size" for field in layout["fields"])


def struct_code(field: dict[str, Any], wide: bool) -> str:
    """The letter of the module `struct`."""
    if field["kind"] == "size":
        return "Q" if wide else "I"
    return KIND_STRUCT[field["kind"]]


def write_tables(spec: dict[str, Any], tables: tuple[str, ...], note: str) -> str:
    """Names, texts and layouts."""
    layouts = []
    for layout in spec["layouts"]:
        entry = {"name": layout["name"], "id": layout["id"], "wide": has_wide(layout)}
        entry["fields"] = [dict(field) for field in layout["fields"]]
        entry["tail"] = [dict(tail) for tail in layout["tail"]]
        entry["format"] = "<" + "".join(struct_code(field, wide=False) for field in layout["fields"])
        entry["format_wide"] = "<" + "".join(struct_code(field, wide=True) for field in layout["fields"])
        layouts.append(entry)
    names = {table: dict(spec[table]) for table in (*tables, "connection_states", "priorities")}
    strings = {k: v for k, v in spec["protocol"].items() if isinstance(v, str)}
    parts = {
        "STRINGS: dict[str, str]": strings,
        "NAMES: dict[str, dict[str, int]]": names,
        "CODES: list[dict[str, Any]]": spec["codes"],
        "CHANNELS: dict[str, dict[str, Any]]": spec["channels"],
        "LAYOUTS: list[dict[str, Any]]": layouts,
    }
    return _module(parts, note)


def write_profiles(spec: dict[str, Any], note: str) -> str:
    """The platform profiles: every value of each."""
    return _module({"PROFILES: list[dict[str, Any]]": spec["profiles"]}, note)


def _module(parts: dict[str, Any], note: str) -> str:
    out = [f'"""{note}"""', "", "from typing import Any", ""]
    for name, value in parts.items():
        text = pprint.pformat(value, width=110, sort_dicts=False)
        out += [f"{name} = {text}", ""]
    return "\n".join(out)


def write_enums(spec: dict[str, Any], note: str) -> str:
    """The public enums. A member is its JSON value, so it may stand wherever the plain word may."""
    out = [
        f'"""The enums of the public interface; each member is a str, its value in JSON.\n\n{note}\n"""',
        "",
        "from enum import StrEnum",
        "",
        "__all__ = [",
        *[f'    "{name}",' for name in sorted(ENUMS)],
        "]",
    ]
    for name, (table, doc) in ENUMS.items():
        out += ["", "", f"class {name}(StrEnum):", f'    """{doc}"""', ""]
        out += [f'    {value.replace("-", "_").upper()} = "{value}"' for value in enum_values(spec, table)]
    return "\n".join([*out, ""])
