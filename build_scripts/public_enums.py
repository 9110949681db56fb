"""The enums of the public interface, in every language: their tables in the spec, and what they say."""

from __future__ import annotations

from typing import Any

# Name of the enum -> table of the spec, and what its docstring says. The JSON form of a value is the value.
ENUMS: dict[str, tuple[str, str]] = {
    "ClientType": ("client_types", "What kind of program a client is."),
    "ChannelType": ("channels", "The channels that every tool knows, by what travels on them."),
    "MessagePriority": ("priorities", "What goes first, the lowest first here; `critical` is also acknowledged."),
    "ConnectionState": ("connection_states", "Where a client stands, as its user sees it."),
    "ConnectionMode": ("connection_modes", "How a platform reaches a gateway: `wifi` is sockets first, then polling."),
    "Capability": ("capabilities", "What a client can do; a device may announce less than its profile, never more."),
    "ComponentState": ("component_states", "What a component of a program does."),
    "V6REventType": ("v6r_event_types", "What happened to a virtual machine."),
    "CommandCode": ("command_codes", "What became of a command."),
    "LogLevel": ("log_levels", "How bad a line of a log is, the mildest first."),
    "EventType": ("event_types", "The types of events, one for each layout of the specification."),
}


def enum_values(spec: dict[str, Any], table: str) -> list[str]:
    """The JSON values of an enum, in the order of the spec."""
    if table == "connection_modes":
        return list(dict.fromkeys(profile["connection_mode"] for profile in spec["profiles"]))
    if table == "event_types":
        return [layout["name"] for layout in spec["layouts"]]
    if table == "channels":
        return [channel["type"] for channel in spec["channels"].values()]
    return list(spec[table])
