"""The recorder knows every way into a session: who adds one has to name it in capture/happenings.py."""

import ast
from pathlib import Path

import pytest

import flight_client
from flight_client.capture.happenings import HAPPENINGS, INPUTS

PACKAGE = Path(flight_client.__file__).parent
# Of the methods that the modules above the session call on it and its parts: these only read a field, or end it for good.
ASKS = {
    "session.policy.transport",
    "session.policy.probe_target",
    "session.settled_counter",
    "session.store.free_slot",
    "session.store.abandon",  # after the last command: nothing follows from it
    "session.channels.items",
    "session.channels.get",
    "session.identity.fits",
}
# What they set that says nothing to the session.
NOTES = {"session.tally.forged"}
HEADER = {
    "session.identity.capabilities",
    "session.identity.client_type",
    "session.identity.boot",
}  # set before there is a recorder
PACKED = {"session.out.buffer"}  # recorded with what the driver then calls
ABOVE = sorted(
    path.relative_to(PACKAGE).as_posix()
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).parts[0] not in ("session", "capture", "gateway", "demo", "testing")
)


# Local variables and fields that stand for parts of a session.
ALIASES = {"s": "session"} | {
    part: f"session.{part}"
    for part in ("out", "store", "agreement", "renewal", "batching", "sender", "channels", "identity")
}


def path_of(node: ast.AST) -> str:
    """`self._session.channels.add` as session.channels.add; names of local variables that stand for parts too."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    parts = [part.lstrip("_") for part in reversed(parts) if part not in ("self", "driver", "_driver")]
    whole = ALIASES.get(parts[0]) if len(parts) > 1 else None
    return ".".join([whole or parts[0], *parts[1:]]) if parts else ""


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
    assert written <= set(INPUTS) | NOTES | HEADER | PACKED


def test_the_check_sees_what_it_is_for() -> None:
    called = set().union(*(uses(PACKAGE / module)[0] for module in ABOVE))
    written = set().union(*(uses(PACKAGE / module)[1] for module in ABOVE))
    assert {"session.poll", "session.packed", "session.channels.add", "inbox.receive"} <= called
    assert {"session.waiting_critical", "session.identity.token", "session.nonce"} <= written
