"""Write the settings reference of docs/operations.md from the gateway's own settings and arguments.

`python build_scripts/make_settings.py` writes the block between the `generated` markers; `--check` writes nothing and exits
1 when it is stale.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from dataclasses import fields
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a program, Python looks in this folder only

from flight_client.cli import gateway as command  # noqa: E402 - behind the line that makes it findable
from flight_client.gateway.settings import ENVIRONMENT, GatewaySettings  # noqa: E402 - the same

DOCUMENT = ROOT / "docs" / "operations.md"
_BLOCK = re.compile(r"(<!-- generated: settings -->\n).*?(<!-- end -->)", re.DOTALL)
_COMMENT = re.compile(r"^    (\w+): [^#\n]*?(?:  # (.*))?$", re.MULTILINE)
# Settings whose option has another name, or none although one has theirs.
_OPTIONS = {"channel_rules": "channels", "channels": "", "alert_rules": "alerts", "platforms_file": "platforms"}
_ENVIRONMENT = re.compile(r"\s*[(;]?\s*\(?environment [A-Z_]+[^()]*\)?")


def options() -> dict[str, argparse.Action]:
    """The command's options by the names that they have in the program."""
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return {action.dest: action for action in parser._actions if action.option_strings and action.dest != "help"}


def option_of(name: str, known: dict[str, argparse.Action]) -> argparse.Action | None:
    """The option that sets this setting: of the same name, or near it."""
    if name in _OPTIONS:
        return known.get(_OPTIONS[name])
    near = (name, name.removesuffix("_s"), f"no_{name}", name.replace("allowed_", "allow_").removesuffix("s"))
    return next((known[one] for one in near if one in known), None)


def meaning(name: str, option: argparse.Action | None, comment: str) -> str:
    """What a person needs to know: the option's help without what other columns say, else the comment in the code."""
    text = _ENVIRONMENT.sub("", option.help or "") if option is not None else comment
    if not text:
        raise SystemExit(f"setting {name}: neither an option nor a comment in settings.py says what it is")
    return text.strip().removeprefix("... ").replace("|", "\\|")


def shown_default(name: str, value: object) -> str:
    """A default as a person would write it."""
    if name == "engine":
        return "`sqlite:` in the state folder"
    if value is None or value == () or value == "":
        return "-"
    if isinstance(value, Path):
        return f"`{value}`".replace(str(Path.home()), "~")
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:,}" if isinstance(value, int) and "port" not in name else f"`{value}`"


def table() -> list[str]:
    """One row for each setting, in the order of the class."""
    comments = {name: said or "" for name, said in _COMMENT.findall(inspect.getsource(GatewaySettings))}
    known = options()
    lines = ["| setting | argument | environment | default | what |", "|---|---|---|---|---|"]
    for field in fields(GatewaySettings):
        option = option_of(field.name, known)
        argument = f"`{option.option_strings[0]}`" if option is not None else ""
        variable = f"`{ENVIRONMENT[field.name]}`" if field.name in ENVIRONMENT else ""
        text = meaning(field.name, option, comments.get(field.name, ""))
        default = shown_default(field.name, field.default)
        lines.append(f"| `{field.name}` | {argument} | {variable} | {default} | {text} |")
    return lines


def renewed(text: str) -> str:
    """The document with its block renewed."""
    body = "\n".join(["", *table(), "", ""])
    found, count = _BLOCK.subn(lambda match: match[1] + body + match[2], text)
    if count != 1:
        raise SystemExit(f"{DOCUMENT.name} has {count} blocks `generated: settings`, not 1")
    return found


def main(argv: list[str] | None = None) -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description="Write the settings reference of docs/operations.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when it is stale")
    text = DOCUMENT.read_text(encoding="utf-8")
    new = renewed(text)
    if parser.parse_args(argv).check:
        if new != text:
            print("docs/operations.md is stale: run `make generate`", file=sys.stderr)
            return 1
        return 0
    DOCUMENT.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
