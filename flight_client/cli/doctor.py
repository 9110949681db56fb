"""Say what this machine has, what is missing and how to get it.

Exit code 0: usable. 1: something that everything needs is missing; its line says what to install.

examples:
  flight doctor             a table for people
  flight doctor --report    a block to paste into a bug report: no path, no host or user name, no secret
  flight doctor --json      the same for programs
  flight doctor --gateway http://10.0.0.5:8080,http://10.0.0.6:8080      also whether these gateways answer
"""

from __future__ import annotations

import argparse
import errno
import importlib
import json
import os
import platform
import re
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType

from flight_client.cli.main import DISTRIBUTION, DONE, FAILED, shorten, version_text
from flight_client.errors import FlightError
from flight_client.version import __version__

OK, WARNING, MISSING = "ok", "warning", "missing"
OLDEST_PYTHON = (3, 11)
# Several times what the self-test asks for (FLIGHT_SELFTEST_BYTES in flight.h).
SCRATCH_BYTES = 4096


@dataclass(frozen=True)
class Check:
    """One line of the result."""

    name: str
    state: str
    # Goes into a report, so it must not hold a path, a host name or a user name. Those stand in `private`.
    text: str
    private: str = ""
    next_step: str = ""
    # Debian packages that mend it.
    packages: tuple[str, ...] = ()


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--report", action="store_true", help="print a block to paste into a bug report")
    form.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--gateway",
        metavar="ADDRESS",
        default=os.environ.get("FLIGHT_GATEWAY", ""),
        help="ask this gateway too, or several with commas, over every transport (environment FLIGHT_GATEWAY)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Look at everything, print it, and say by the exit code whether this machine is usable."""
    checks = examine() + check_nodes(arguments.gateway)
    if arguments.json:
        print(as_json(checks))
    elif arguments.report:
        print(as_report(checks))
    else:
        print(as_table(checks))
    return DONE if usable(checks) else FAILED


def examine() -> list[Check]:
    """Every check, in the order in which a person would mend things."""
    core = load_core()
    return [
        check_python(),
        check_platform(),
        check_compiler(needed=isinstance(core, Exception)),
        check_headers(needed=isinstance(core, Exception)),
        check_package(),
        *check_core(core),
        *check_requirements(),
        *check_gateway(),
    ]


def usable(checks: list[Check]) -> bool:
    """Whether nothing that everything needs is missing."""
    return all(check.state != MISSING for check in checks)


def debian_packages(checks: list[Check]) -> list[str]:
    """What apt can bring of what is missing."""
    return sorted({package for check in checks if check.state == MISSING for package in check.packages})


# --- the checks ---


def check_python() -> Check:
    """The interpreter and its version."""
    text = f"{platform.python_implementation()} {platform.python_version()}"
    if sys.version_info < OLDEST_PYTHON:
        return Check(
            "python", MISSING, text, sys.executable, "Python 3.11 or newer is needed", ("python3", "python3-venv")
        )
    return Check("python", OK, text, sys.executable)


def check_platform() -> Check:
    """System and processor; whether anybody has tried it there."""
    system = platform.system()
    name = system
    if system == "Linux":
        try:
            name = platform.freedesktop_os_release().get("PRETTY_NAME", system)
        except OSError:
            name = system
    text = f"{name}, {platform.machine()}, {sys.byteorder}-endian"
    if system != "Linux":
        return Check("platform", WARNING, text, next_step="nothing: it should work, but only Linux is tested so far")
    return Check("platform", OK, text)


def compiler_command() -> list[str]:
    """The C compiler that an installation from source would use; empty when there is none."""
    for text in (os.environ.get("CC", ""), "cc", "gcc", "clang", "cl"):
        words = shlex.split(text)
        if words and (path := shutil.which(words[0])):
            return [path, *words[1:]]
    return []


def check_compiler(*, needed: bool) -> Check:
    """A C compiler; only needed where the core is not built yet."""
    command = compiler_command()
    if not command:
        state = MISSING if needed else OK
        text = "none found" + ("" if needed else " (not needed: the core is built)")
        step = "install a C compiler, then `pip install` again" if needed else ""
        return Check("compiler", state, text, next_step=step, packages=("gcc", "libc6-dev"))
    try:
        done = subprocess.run(  # noqa: S603 - the user's own compiler, asked for its version
            [command[0], "--version"], capture_output=True, text=True, timeout=10, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        step = "repair the compiler or name another in CC"
        return Check("compiler", MISSING if needed else WARNING, "does not start", f"{command[0]}: {error}", step)
    first_line = (done.stdout or done.stderr).strip().partition("\n")[0]
    # The name it was called by may be a path.
    text = first_line.replace(command[0], Path(command[0]).name) or "answers nothing"
    return Check("compiler", OK, text, command[0])


def check_headers(*, needed: bool) -> Check:
    """Python.h; only needed where the core is not built yet."""
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if header.exists():
        return Check("headers", OK, "Python.h found", str(header))
    if needed:
        return Check("headers", MISSING, "no Python.h", str(header), "install Python's headers", ("python3-dev",))
    return Check("headers", OK, "no Python.h (not needed: the core is built)", str(header))


def check_package() -> Check:
    """The installed distribution, and whether it is the one whose files run."""
    installed = installed_version(DISTRIBUTION)
    where = str(Path(__file__).resolve().parent.parent)
    if not installed:
        text = f"{__version__}, run from its source without being installed"
        return Check("package", WARNING, text, where, "run `pip install -e .` in the source")
    if installed != __version__:
        text = f"{__version__}, but {installed} is what is installed"
        return Check("package", WARNING, text, where, "run `pip install -e .` in the source")
    return Check("package", OK, f"{DISTRIBUTION} {installed}", where)


def load_core() -> ModuleType | Exception:
    """The C extension, or why it cannot be had."""
    try:
        return importlib.import_module("flight_client._core")
    except Exception as error:  # whatever an extension's start can raise is the finding
        return error


def check_core(core: ModuleType | Exception) -> list[Check]:
    """The C core: built, sound, and of the same version as the Python beside it."""
    if isinstance(core, ModuleNotFoundError):
        step = "run `make demo` or `pip install -e .` in the source; it needs a C compiler"
        return [Check("core", MISSING, "not built", str(core), step)]
    if isinstance(core, Exception):
        step = "build it anew: `make clean`, then `make demo`, or `pip install --force-reinstall`"
        return [Check("core", MISSING, f"does not load ({type(core).__name__})", str(core), step)]
    return [check_selftest(core), check_core_version(core)]


def check_selftest(core: ModuleType) -> Check:
    """What the core finds when it tests itself: check sums, frame, ring, batch, stream with known answers."""
    scratch = core.ffi.new("uint32_t[]", SCRATCH_BYTES // 4)
    step = int(core.lib.flight_selftest(scratch))
    if step != 0:
        text = f"self-test failed at step {step}"
        return Check("core", MISSING, text, str(core.__file__), "report it with `flight doctor --report`")
    return Check("core", OK, "built, self-test passed", str(core.__file__))


def check_core_version(core: ModuleType) -> Check:
    """The version and protocol compiled into the core against those of the Python beside it."""
    from flight_client.session import spec

    # The protocol's version is what the core really writes: the low half of a frame's first byte.
    frame = bytearray(spec.HEADER_BYTES)
    core.lib.python_seal(core.ffi.from_buffer(frame), len(frame), spec.TYPE_ACK, 0, 0, 0, 0, 0)
    built = f"{version_text(core.lib.flight_version())}, protocol {frame[0] & 0x0F}"
    wanted = f"{__version__}, protocol {spec.VERSION}"
    if built != wanted:
        step = "build the core anew: `make clean`, then `make demo`, or `pip install --force-reinstall`"
        return Check("core version", MISSING, f"{built}, but the package is {wanted}", next_step=step)
    return Check("core version", OK, f"{built}, as the package")


def requirements() -> dict[str, list[str]]:
    """What the distribution says it needs: {"": base packages, "gateway": ..., ...}, for this system."""
    found: dict[str, list[str]] = {}
    for line in metadata.requires(DISTRIBUTION) or []:
        requirement, _, marker = line.partition(";")
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        extra = re.search(r"extra == ['\"]([^'\"]+)['\"]", marker)
        windows_only_missing = re.search(r"sys_platform != ['\"]win32['\"]", marker) and sys.platform == "win32"
        if name and not windows_only_missing:
            found.setdefault(extra[1] if extra else "", []).append(name[0])
    return found


def check_requirements() -> list[Check]:
    """The packages beside ours: base ones are needed, extras are a choice. `dev` is the contributor's own business."""
    try:
        wanted = requirements()
    except metadata.PackageNotFoundError:
        return []
    checks = []
    for extra, names in sorted(wanted.items()):
        if extra == "dev":
            continue
        versions = {name: installed_version(name) for name in names}
        text = ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items())
        if all(versions.values()):
            checks.append(Check(f"extra {extra}" if extra else "packages", OK, text))
        elif extra:
            step = f"for `flight` commands that need it: pip install '{DISTRIBUTION}[{extra}]'"
            checks.append(Check(f"extra {extra}", WARNING, text, next_step=step))
        else:
            checks.append(Check("packages", MISSING, text, next_step=f"pip install {DISTRIBUTION}"))
    return checks


def installed_version(name: str) -> str:
    """The version of an installed distribution, or an empty text."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def check_gateway() -> list[Check]:
    """Whether `flight gateway` could start here: its settings, its port, and where it keeps its development key."""
    try:
        from flight_client.gateway.settings import load_settings
    except ImportError as error:
        return [Check("gateway", WARNING, "not looked at: a part of it is missing", str(error), "mend the core first")]
    try:
        settings = load_settings({}, os.environ)
    except FlightError as error:
        # Values stay private: an engine's address may hold a password.
        return [Check("gateway", WARNING, error.what, shorten(str(error.value)), error.next_step)]
    return [check_port(settings.port), check_state_directory(settings.state_dir)]


def check_nodes(addresses: str) -> list[Check]:
    """Whether the gateways that a client would be given answer. Whoever asks for it needs every one of them."""
    if not addresses:
        return []
    try:
        from flight_client.cli.reach import reach
    except ImportError as error:
        return [Check("node 1", WARNING, "not asked: a part of it is missing", str(error), "mend the core first")]
    checks = []
    for number, (node, answers) in enumerate(reach(addresses), 1):
        silent = {name: why for name, why in answers.items() if why}
        heard = [name for name, why in answers.items() if not why]
        text = f"answers over {', '.join(heard)}" if heard else "does not answer"
        if silent:
            text += f"; not over {', '.join(silent)}"
        step = "" if not silent else "raw TCP and WebSocket may be blocked on the way: clients step down to polling"
        if not heard:
            step = "is it running? start it with `flight gateway`, and check the address"
        state = MISSING if not heard else WARNING if silent else OK
        private = "; ".join([str(node), *[f"{name}: {why}" for name, why in silent.items()]])
        checks.append(Check(f"node {number}", state, text, private, step))
    return checks


def check_port(port: int) -> Check:
    """Whether the gateway's port is free on this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name == "posix":
            # As the gateway does: a connection that was closed a minute ago does not block the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                text = f"{port} is in use, by whom cannot be seen from here"
                return Check(
                    "port", WARNING, text, next_step="nothing if that is your gateway; else choose one with --port"
                )
            return Check(
                "port", WARNING, f"{port} cannot be used: {error.strerror}", next_step="choose one with --port"
            )
    return Check("port", OK, f"{port} is free" if port else "any free one")


def check_state_directory(folder: Path) -> Check:
    """Whether the gateway could keep its key: the folder, or the nearest one above it, can be written."""
    folder = folder.absolute()
    above = folder
    while not above.exists() and above != above.parent:
        above = above.parent
    try:
        # Asking the permissions is not enough: a read-only file system or a full disk only shows when something is written.
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        step = "name a folder that can be written in FLIGHT_STATE_DIR"
        return Check("state directory", WARNING, "cannot be written", str(error), step)
    text = "can be written" if folder.exists() else "not there yet, can be made"
    return Check("state directory", OK, text, str(folder))


# --- how it is printed ---


def as_table(checks: list[Check]) -> str:
    """For people at the machine itself: with paths."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        private = f"  ({check.private})" if check.private else ""
        lines.append(f"{check.state:<8} {check.name:<{width}}  {check.text}{private}")
        if check.next_step:
            lines.append(f"{'':<8} {'':<{width}}  -> {check.next_step}")
    if packages := debian_packages(checks):
        lines.append(f"\nOn Debian or Ubuntu: sudo apt-get install {' '.join(packages)}")
    lines.append("\nusable" if usable(checks) else "\nnot usable: mend what is `missing` above, from the top")
    return "\n".join(lines)


def as_report(checks: list[Check]) -> str:
    """For others: what `private` holds stays here."""
    width = max(len(check.name) for check in checks)
    lines = [f"{check.state:<8} {check.name:<{width}}  {check.text}" for check in checks]
    verdict = "usable" if usable(checks) else "not usable"
    return "\n".join(["```", "flight doctor --report", *lines, verdict, "```"])


def as_json(checks: list[Check]) -> str:
    """For programs: the report's content, so it may be passed on as well."""
    return json.dumps(
        {
            "usable": usable(checks),
            "debian_packages": debian_packages(checks),
            "checks": [
                {"name": check.name, "state": check.state, "text": check.text, "next_step": check.next_step}
                for check in checks
            ],
        }
    )
