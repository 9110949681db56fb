"""build_scripts/check_sdk.py finds what it is there to find, with an SDK of a few lines in place of the real ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from build_scripts import check_sdk

PORT = """
#include <stddef.h>
#include <toy.h>
#define NOTHING 0
int port_send(const void *data, size_t bytes)
{
    return sceNetSend(1, data, bytes, NOTHING);
}
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A console whose SDK has one call and whose compiler is this machine's."""
    files = {
        "sdk/include/toy.h": "#include <stddef.h>\nint sceNetSend(int, const void *, size_t, int);\n",
        "sdk/toy.c": "int sceNetSend(int s, const void *data, size_t bytes, int flags)\n{\n    return 0;\n}\n",
        "newlib/newlib.h": "void *memcpy(void *, const void *, unsigned long);\n",
        "csrc/ports/toy.c": PORT,
        "csrc/examples/toy/main.c": "int main(void) { return 0; }\n",
        "csrc/include/flight.h": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    console = dataclasses.replace(
        check_sdk.CONSOLES["kos"],
        name="toy",
        variable="TOY_HEADERS",
        port="toy.c",
        example="toy",
        compiler="gcc",
        flags=(),
        includes=lambda sdk, newlib, own: [sdk / "include", newlib, own],
        needed="include/toy.h",
        symbols=check_sdk.defined_in,
    )
    monkeypatch.setattr(check_sdk, "CONSOLES", {"toy": console})
    monkeypatch.setattr(check_sdk, "CSRC", tmp_path / "csrc")
    monkeypatch.setattr(check_sdk, "ROOT", tmp_path)
    monkeypatch.setattr(check_sdk, "check_client", lambda *_: [])
    monkeypatch.setenv("NEWLIB_HEADERS", str(tmp_path / "newlib"))
    monkeypatch.setenv("TOY_HEADERS", str(tmp_path / "sdk"))
    for cached in (check_sdk.newlib_headers, check_sdk.newlib_names):
        cached.cache_clear()
    return tmp_path


def test_a_port_that_fits_passes(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_sdk.main([]) == 0
    assert "check-sdk toy: ok" in capsys.readouterr().out


def test_a_misspelt_call_fails(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = toy / "csrc" / "ports" / "toy.c"
    path.write_text(PORT + "int port_more(void) { return sceNetTidy(); }\n", encoding="utf-8")
    assert check_sdk.main([]) == 1
    assert "sceNetTidy" in capsys.readouterr().err


def test_a_call_that_only_a_header_knows_fails(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = toy / "csrc" / "ports" / "toy.c"
    path.write_text(PORT + "int sceNetTidy(void);\nint more(void);\nint more(void) { return sceNetTidy(); }\n")
    assert check_sdk.main([]) == 1
    assert "toy.c: the SDK has no sceNetTidy" in capsys.readouterr().err


def test_a_warning_fails(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = toy / "csrc" / "examples" / "toy" / "main.c"
    path.write_text("int main(void) { int unused; return 0; }\n", encoding="utf-8")
    assert check_sdk.main([]) == 1
    assert "unused" in capsys.readouterr().err


def test_a_checker_that_sees_nothing_is_seen(
    toy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_sdk, "unknown_symbols", lambda *_: [])
    assert check_sdk.main([]) == 1
    assert "was not noticed" in capsys.readouterr().err


def test_without_headers_it_says_loudly_that_it_checked_nothing(
    toy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOY_HEADERS")
    assert check_sdk.main([]) == 0
    said = capsys.readouterr().out
    assert "check-sdk toy: SKIPPED: TOY_HEADERS is not set" in said
    assert "NOT checked" in said


def test_a_folder_without_the_headers_fails(
    toy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_HEADERS", str(toy / "elsewhere"))
    assert check_sdk.main([]) == 1
    assert "there is no include/toy.h" in capsys.readouterr().err


def test_a_port_on_another_sdk_is_skipped_without_that_one(
    toy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    below = check_sdk.CONSOLES["toy"]
    above = dataclasses.replace(below, name="above", variable="ABOVE_HEADERS", example="", on="toy")
    monkeypatch.setattr(check_sdk, "CONSOLES", {"toy": below, "above": above})
    monkeypatch.setenv("ABOVE_HEADERS", str(toy / "sdk"))
    assert check_sdk.main(["above"]) == 0
    assert "check-sdk above: ok" in capsys.readouterr().out
    monkeypatch.delenv("TOY_HEADERS")
    assert check_sdk.main(["above"]) == 0
    assert "check-sdk above: SKIPPED: TOY_HEADERS is not set" in capsys.readouterr().out


def test_symbols_are_read_from_what_each_sdk_is_made_of(tmp_path: Path) -> None:
    for name, text in {
        "kernel/net.c": "netif_t *net_default_dev = NULL;\nint connect(int s,\n    int b) {\n    other(s);\n}\n",
        "kernel/startup.S": "__arch_mem_top:\n",
        "net.S": '\tIMPORT_FUNC\t"sceNetInet",0xC91142E4,sceNetInetSend\n',
        "db/net.yml": "          sceNetSend: 0xE3DD8CD9\n",
        "addons/none.c": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert check_sdk.kos_symbols(tmp_path) == {"net_default_dev", "connect", "_arch_mem_top"}
    assert "sceNetInetSend" in check_sdk.psp_symbols(tmp_path)
    assert check_sdk.vita_symbols(tmp_path) == {"sceNetSend"}
