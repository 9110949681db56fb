"""The alerts file: from which value on something is an alert, and below which it is over.

    [alerts.queue-fill]
    raise_at = 0.9       # share of the engine's queue; default 0.8
    clear_at = 0.6       # default 0.5
    for_s = 30           # for so long before it is raised, and before it is cleared; default 10
    [alerts.drop-rate]
    enabled = false

TOML, or JSON with the same members. What the file does not name keeps its default, and without a file all defaults hold. Two
thresholds and a time keep an alert from being raised and cleared with every wobble of its value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flight_client.errors import CallerError
from flight_client.gateway.names import printable
from flight_client.gateway.rule_file import RuleFile

_LONGEST_S = 86400
_MEMBERS = ("raise_at", "clear_at", "for_s", "enabled")


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alert. The value is compared in the unit of the rule."""

    name: str
    unit: str
    text: str  # what the value is
    raise_at: float
    clear_at: float
    for_s: float
    most: float = math.inf  # of a threshold
    enabled: bool = True


# Why these: a queue that is four fifths full takes one burst more; one event a second is more than a client that was slow
# for a moment; a store that needs two seconds makes pollers wait for their acknowledgements.
DEFAULTS: Mapping[str, AlertRule] = {
    rule.name: rule
    for rule in (
        AlertRule("queue-fill", "share", "share of the engine's queue that is in use", 0.8, 0.5, 10, 1.0),
        AlertRule("drop-rate", "events/s", "events dropped from the queues of slow subscribers", 1, 0.1, 30),
        AlertRule("dead-letters", "events/s", "events refused, which their senders keep as dead letters", 1, 0.1, 30),
        AlertRule("engine-lag", "ms", "how long the engine takes to store and answer", 2000, 500, 10),
    )
}


def load_alert_rules(path: Path | None) -> dict[str, AlertRule]:
    """The rules that are enabled, by name. CallerError for a file that cannot be read or understood."""
    file = RuleFile("alerts", path) if path is not None else None
    rules = parse_alert_rules(file.read(), file) if file is not None else dict(DEFAULTS)
    return {name: rule for name, rule in rules.items() if rule.enabled}


def parse_alert_rules(data: bytes, file: RuleFile) -> dict[str, AlertRule]:
    """Every alert with its thresholds; CallerError for anything doubtful."""
    table = file.table(data, "alerts", "it needs a few lines only", "write [alerts.NAME] above each rule")
    rules = dict(DEFAULTS)
    for name, members in table.items():
        if name not in rules:
            raise file.bad(f"has a rule for {printable(name)}, which is no alert", f"use one of {', '.join(rules)}")
        rules[name] = _rule(rules[name], members, file)
    return rules


def _rule(rule: AlertRule, members: Any, file: RuleFile) -> AlertRule:
    where = f"[alerts.{rule.name}]"
    if not isinstance(members, dict):
        raise file.bad(f"has for {where} something other than a table", f"write {where} above its members")
    for name in members:
        if name not in _MEMBERS:
            raise file.bad(
                f"has in {where} {printable(name)}, which is no member", f"use some of {', '.join(_MEMBERS)}"
            )
    enabled = members.get("enabled", True)
    if not isinstance(enabled, bool):
        raise _wrong(file, where, "enabled", enabled, "true or false")
    raise_at = _number(file, where, "raise_at", members.get("raise_at", rule.raise_at), rule.most)
    # A threshold that is lowered below the default of the other one takes it along in the same proportion.
    usual = min(rule.clear_at, rule.clear_at / rule.raise_at * raise_at)
    clear_at = _number(file, where, "clear_at", members.get("clear_at", usual), rule.most)
    for_s = _number(file, where, "for_s", members.get("for_s", rule.for_s), _LONGEST_S)
    if not raise_at:
        raise _wrong(file, where, "raise_at", raise_at, "a number over 0: at 0 it would never be over")
    if clear_at > raise_at:
        raise _wrong(file, where, "clear_at", clear_at, f"at most raise_at, which is {raise_at:g}")
    return replace(rule, raise_at=raise_at, clear_at=clear_at, for_s=for_s, enabled=enabled)


def _number(file: RuleFile, where: str, name: str, value: Any, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most or math.isinf(value):
        upper = "a number of 0 or more" if math.isinf(most) else f"a number from 0 to {most:g}"
        raise _wrong(file, where, name, value, upper)
    return float(value)


def _wrong(file: RuleFile, where: str, name: str, value: Any, right: str) -> CallerError:
    return file.bad(f"has in {where} {name} = {printable(value)}", f"use {right}")
