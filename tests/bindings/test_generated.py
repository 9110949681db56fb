"""The generated data of events has the members that the gateway's own description has, for every type."""

import re

import pytest

from build_scripts.binding_names import STRUCTS
from flight_client.gateway.rest.asyncapi import description
from tests.bindings import built

ORIGIN = {"timestamp", "sessionId", "platform"}
SAID = {
    schema["properties"]["type"]["const"]: set(schema["properties"]["data"]["properties"]) - ORIGIN
    for name, schema in description()["components"]["schemas"].items()
    if name.endswith("Event") and "properties" in schema
}


def test_the_gateway_describes_every_type() -> None:
    assert set(SAID) == set(STRUCTS)


@pytest.mark.parametrize("event", sorted(STRUCTS))
def test_both_bindings_have_the_members_that_the_gateway_says(event: str) -> None:
    typescript = (built.TYPESCRIPT / "src" / "generated" / "event_data.ts").read_text(encoding="utf-8")
    interface = typescript.split(f"interface {STRUCTS[event]} ")[1].split("\n}")[0]
    assert set(re.findall(r"^  (\w+)\??:", interface, re.MULTILINE)) == SAID[event]
    go = (built.GO / "realtime" / "generated_events.go").read_text(encoding="utf-8")
    struct = go.split(f"type {STRUCTS[event]} struct")[1].split("\n}")[0]
    assert set(re.findall(r'`json:"(\w+)', struct)) == SAID[event]
