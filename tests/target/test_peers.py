"""Fetching the peers that `make bench-core` measures. Nothing is fetched here."""

import dataclasses
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from build_scripts import peers, targets

DRIVER = """
#include "peer.h"
#include <toy.h>
static int ready(void) { return 0; }
static int run(void) { return toy() != 7; }
const peer_operation peer_operations[] = {{"core.emit", ready, run}};
const int peer_operations_count = 1;
void peer_values(void) { peer_value("core.size", 5); }
"""
ENTRIES = {"toy-1/toy.c": "int toy(void);\nint toy(void) { return 7; }\n", "toy-1/toy.h": "int toy(void);\n"}


def packed() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in ENTRIES.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


ARCHIVE = packed()
TOY = peers.Peer(
    "toy",
    "Toy",
    "one number",
    "1.0",
    "toy.tar.gz",
    hashlib.sha256(ARCHIVE).hexdigest(),
    pip="toy==1.0",
    sources=["toy-1/toy.c"],
    include=["toy-1"],
)


def give(peer: peers.Peer, folder: Path) -> Path:
    (folder / peer.file).write_bytes(ARCHIVE)
    return folder / peer.file


def refuse(peer: peers.Peer, folder: Path) -> Path:
    raise peers.NotMeasuredError("no way there")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(peers, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def test_a_fetched_peer_is_kept(cache: Path) -> None:
    place = peers.fetch(TOY, give)
    assert place == cache / "toy-1.0"
    assert sorted(path.name for path in (place / "toy-1").iterdir()) == ["toy.c", "toy.h"]
    assert peers.fetch(TOY, refuse) == place
    assert [path.name for path in cache.iterdir()] == ["toy-1.0"]


def test_another_file_than_the_pinned_one_is_not_unpacked(cache: Path) -> None:
    with pytest.raises(peers.NotMeasuredError, match="not the one that was pinned"):
        peers.fetch(dataclasses.replace(TOY, sha256="00"), give)
    assert list(cache.iterdir()) == []


def test_a_peer_out_of_reach_is_told_and_the_others_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacks = targets.missing(targets.TARGETS["x86_64"])
    if lacks:
        pytest.skip(lacks)
    drivers = tmp_path / "core" / "peers"
    drivers.mkdir(parents=True)
    (drivers.parent / "event.h").write_text((peers.PEERS.parent / "event.h").read_text())
    for name in ("peer.c", "peer.h"):
        (drivers / name).write_text((peers.PEERS / name).read_text())
    (drivers / "toy.c").write_text(DRIVER)
    monkeypatch.setattr(peers, "PEERS", drivers)

    def give_toy(peer: peers.Peer, folder: Path) -> Path:
        return (give if peer is TOY else refuse)(peer, folder)

    def count(program: Path) -> tuple[dict[str, float], dict[str, int]]:
        said = targets.run(["qemu-x86_64", program]).splitlines()
        assert said == ["operation nothing right", "operation core.emit right", "value core.size 5"]
        return {"nothing": 0, "core.emit": 12}, {"core.size": 5}

    other = dataclasses.replace(TOY, name="other", title="Other")
    found, reasons = peers.measure([other, TOY], tmp_path, count, give_toy)
    assert [(one.operation, one.value, one.peer) for one in found] == [("core.emit", 12, TOY), ("core.size", 5, TOY)]
    assert reasons == ["Other 1.0: no way there"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "WARNING: slow\nERROR: No matching distribution found\nnote: see above\n",
            "ERROR: No matching distribution found",
        ),
        ("W: unsandboxed\nE: Version 9 was not found\n", "E: Version 9 was not found"),
        ("quiet", "quiet"),
        ("", "it says nothing"),
    ],
)
def test_the_telling_line_of_a_failure_is_found(said: str, told: str) -> None:
    assert peers.telling_line(said) == told


def test_what_a_package_manager_does_not_have_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(peers.NotMeasuredError, match="there is no apt-get here"):
        peers.download(dataclasses.replace(TOY, pip="", apt="toy=1.0"), tmp_path)


def test_every_peer_is_pinned_and_has_a_program() -> None:
    for peer in peers.read_peers():
        assert bool(peer.pip) != bool(peer.apt)
        assert "==" in peer.pip or "=" in peer.apt
        assert len(peer.sha256) == 64
        assert (peers.PEERS / f"{peer.name}.c").exists()
