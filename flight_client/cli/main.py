"""The frame around every command: finds it, reads its arguments, turns its errors into one line and an exit code.

A command is one module beside this one with two functions:

    configure(parser)          adds its arguments to an argparse parser
    run(arguments) -> int      does it and returns an exit code

Its module is imported only when the command is asked for: `flight --help` and `flight doctor` work where the C core or an
extra is missing.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from flight_client.version import __version__

DONE = 0
FAILED = 1
USAGE = 2
UNREACHABLE = 3
REFUSED = 4
INTERRUPTED = 130

DISTRIBUTION = "flight-realtime"

COMMANDS = {
    "gateway": "run a gateway: devices and host tools connect to it",
    "token": "make a token, or revoke one",
    "device-key": "make the key of a device that authenticates its frames",
    "demo": "three simulated consoles, a gateway that is killed half way, a live table",
    "tail": "print events as they arrive",
    "bridge": "connect a device on a serial port or a USB cable to a gateway",
    "send": "send one event, or one per line of standard input",
    "capture": "record a session into a file, or list what is in one",
    "replay": "do a recorded session again without a network, and compare every byte",
    "doctor": "say what this machine has, what is missing and how to get it",
}

# Which extra brings a module that may be missing.
EXTRA_OF_MODULE = {
    "joserfc": "gateway",
    "msgspec": "gateway",
    "uvloop": "gateway",
    "psutil": "tools",
    "rich": "tools",
    "serialx": "serial",
}

# Whose fault it is, in the words of somebody at a terminal.
FAULTS = {"caller": "your command", "peer": "the other side", "link": "the connection", "none": "this installation"}
SHOWN_CHARACTERS = 120

EXAMPLES = """\
examples:
  flight gateway                                    a gateway on this machine; prints address and token
  flight tail memory-updates                        everything on one channel, until Ctrl-C
  some-program | flight send --channel log          every line becomes an event
  flight demo --seconds 40                          see a reconnect without a console
  flight doctor --report                            a block to paste into a bug report

exit codes:
  0 done   1 failed   2 bad usage   3 could not connect   4 refused by the gateway   130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `flight` with these arguments (default: the process's) and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return dispatch(words)
    except KeyboardInterrupt:
        print("\nflight: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # `flight tail | head` ends like this. Python would complain once more when it flushes standard output at exit.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - lives until the process ends
        return DONE
    except ModuleNotFoundError as error:
        return missing_module(error)
    except Exception as error:
        code = explain(error)
        if code is None:
            raise
        return code


def dispatch(words: list[str]) -> int:
    """Options of `flight` itself stand before the command; everything behind it is the command's own."""
    at = next((i for i, word in enumerate(words) if not word.startswith("-")), len(words))
    own, rest = words[:at], words[at:]
    parser = frame_parser()
    try:
        arguments = parser.parse_args(own)
        if arguments.version:
            print(versions())
            return DONE
        if not rest:
            parser.print_help(sys.stderr)
            return USAGE
        name = rest[0]
        if name not in COMMANDS:
            return unknown_command(name)
        module = importlib.import_module(f"flight_client.cli.{name.replace('-', '_')}")
        command_arguments = command_parser(name, module).parse_args(rest[1:])
    except SystemExit as end:
        # argparse ends the process; a caller of main() gets the code instead.
        return end.code if isinstance(end.code, int) else FAILED
    code: int = module.run(command_arguments)
    return code


def frame_parser() -> argparse.ArgumentParser:
    """The parser of what stands before the command's name; it also prints the list of commands."""
    lines = "\n".join(f"  {name:<10} {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="flight",
        usage="flight [--help] [--version] COMMAND [ARGUMENTS]",
        description=f"Real-time events between devices, host tools and a gateway.\n\ncommands:\n{lines}\n\n"
        "`flight COMMAND --help` explains one command.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the versions of package, core and protocol")
    return parser


def command_parser(name: str, module: ModuleType) -> argparse.ArgumentParser:
    """The parser of one command, filled in by its module."""
    parser = argparse.ArgumentParser(
        prog=f"flight {name}",
        description=(module.__doc__ or COMMANDS[name]).strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.configure(parser)
    return parser


def unknown_command(name: str) -> int:
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    guess = f"did you mean `flight {near[0]}`?" if near else f"the commands are {', '.join(COMMANDS)}"
    print(f"flight: your command: there is no such command ({name}); {guess}", file=sys.stderr)
    return USAGE


def missing_module(error: ModuleNotFoundError) -> int:
    """Something is not installed: say which extra brings it. A module of our own that is missing is our mistake."""
    name = (error.name or "").partition(".")[0]
    if (error.name or "").startswith("flight_client._core"):
        print(
            "flight: this installation: the C core is not built (flight_client._core); "
            "run `flight doctor`, which says what to install",
            file=sys.stderr,
        )
    elif name == "flight_client":
        raise error
    else:
        extra = f"[{EXTRA_OF_MODULE[name]}]" if name in EXTRA_OF_MODULE else ""
        print(
            f"flight: this installation: a package is missing ({name}); run `pip install '{DISTRIBUTION}{extra}'`",
            file=sys.stderr,
        )
    return FAILED


def explain(error: Exception) -> int | None:
    """Print one of our own errors as a line and give its exit code; None for an error that nobody foresaw."""
    # Imported late: where it cannot be, no error of its kind was raised.
    try:
        from flight_client.errors import CallerError, FlightError, LinkError, RefusedError
    except ImportError:
        return None
    if not isinstance(error, FlightError):
        return None
    value = "" if error.value in (None, "") else f" ({shorten(str(error.value))})"
    following = f"; {error.next_step}" if error.next_step else ""
    print(f"flight: {FAULTS.get(error.fault, error.fault)}: {error.what}{value}{following}", file=sys.stderr)
    # The gateway's refusal comes first: it may also be the caller's fault.
    if isinstance(error, RefusedError):
        return REFUSED
    if isinstance(error, LinkError):
        return UNREACHABLE
    return USAGE if isinstance(error, CallerError) else FAILED


def shorten(text: str) -> str:
    """A value on one line of a terminal: cut where it is long, with control characters spelt out."""
    plain = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return plain if len(plain) <= SHOWN_CHARACTERS else plain[: SHOWN_CHARACTERS - 3] + "..."


def versions() -> str:
    """One line each for package, core and protocol."""
    from flight_client.session import spec

    return "\n".join([f"flight {__version__}", f"core {core_version()}", f"protocol {spec.VERSION}"])


def core_version() -> str:
    """The version that the C core says of itself."""
    try:
        core = importlib.import_module("flight_client._core")
    except ImportError:
        return "not built (`flight doctor` says what to install)"
    return version_text(core.lib.flight_version())


def version_text(number: int) -> str:
    """The core packs its version as major * 65536 + minor * 256 + patch."""
    return f"{number >> 16}.{number >> 8 & 255}.{number & 255}"
