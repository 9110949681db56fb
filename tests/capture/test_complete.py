"""The recorder knows every way into a session: who adds one has to name it in capture/happenings.py."""

import ast
from pathlib import Path

import pytest

import flight_client
from flight_client.capture.happenings import HAPPENINGS, INPUTS

PACKAGE = Path(flight_client.__file__).parent
# Of the methods that the modules above the session call on it and its parts: these ask only, or end it for good.
ASKS = {
    "session.wake_in_ms",
    "session.policy.transport",
    "session.policy.probe_target",
    "session.sender.urgent",
    "session.store.free_slot",
    "session.store.abandon",  # after the last command: nothing follows from it
    "session.channels.items",
    "session.identity.fits",
}
# What they set that says nothing to the session.
NOTES = {"session.tally.forged"}
PACKED = {"session.out.buffer"}  # recorded with what the driver then calls
ABOVE = ("driver.py", "client.py", "packing.py", "outbox.py", "subscriptions.py", "identity.py")


def path_of(node: ast.AST) -> str:
    """`self._session.channels.add` as session.channels.add; names of local variables that stand for parts too."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    parts = [part.lstrip("_") for part in reversed(parts) if part not in ("self", "driver", "_driver")]
    aliases = {"s": ["session"], "out": ["session", "out"], "store": ["session", "store"], "agreement": ["session", "agreement"],
               "renewal": ["session", "renewal"]}  # fmt: skip
    return ".".join(aliases.get(parts[0], [parts[0]]) + parts[1:]) if parts else ""


def uses(path: Path) -> tuple[set[str], set[str]]:
    """The methods called on a session or an inbox in this module, and the fields of them that are set."""
    called, written = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called.add(path_of(node.func))
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
        )
        for target in targets:
            for part in target.elts if isinstance(target, ast.Tuple) else [target]:
                if not isinstance(part, ast.Name):  # a local variable
                    written.add(path_of(part.value if isinstance(part, ast.Subscript) else part))
    mine = ("session.", "inbox.")
    return {name for name in called if name.startswith(mine)}, {name for name in written if name.startswith(mine)}


@pytest.mark.parametrize("module", ABOVE)
def test_whatever_is_called_on_a_session_is_recorded(module: str) -> None:
    called, _ = uses(PACKAGE / module)
    assert called <= set(HAPPENINGS) | ASKS


@pytest.mark.parametrize("module", ABOVE)
def test_whatever_is_set_in_a_session_is_recorded(module: str) -> None:
    _, written = uses(PACKAGE / module)
    assert written <= set(INPUTS) | NOTES | PACKED


def test_the_check_sees_what_it_is_for() -> None:
    called = set().union(*(uses(PACKAGE / module)[0] for module in ABOVE))
    written = set().union(*(uses(PACKAGE / module)[1] for module in ABOVE))
    assert {"session.poll", "session.packed", "session.channels.add", "inbox.receive"} <= called
    assert {"session.waiting_critical", "session.identity.token", "session.nonce"} <= written
