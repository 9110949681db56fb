"""The recipes for the consoles' package trees have every field, and a field that is missing or wrong is found."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from build_scripts import check_packaging
from tests.packaging.programs import program, run
from tests.packaging.test_install import CSRC

KOS = "kos-ports/flight/Makefile"
KOS_BUILD = "kos-ports/flight/files/KOSMakefile.mk"
KOS_TEXT = "kos-ports/flight/pkg-descr"
PSP = "psp-packages/flight-realtime/PSPBUILD"
VITA = "vita-packages/flight-realtime/VITABUILD"


def recipes() -> dict[str, str]:
    return check_packaging.recipes(check_packaging.EXAMPLE_ORIGIN)


def test_the_recipes_have_every_field() -> None:
    assert check_packaging.problems(recipes()) == []


def without(name: str) -> Callable[[str], str]:
    """The text without the line that sets a field."""
    return lambda text: re.sub(rf"^{name} *=.*\n", "", text, count=1, flags=re.MULTILINE)


def instead(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


MISSING = [(KOS, without(name), f"{name} is missing") for name in check_packaging.KOS_FIELDS]
MISSING += [(PSP, without(name), f"{name} is missing") for name in check_packaging.PSP_FIELDS]
MISSING += [(VITA, without(name), f"{name} is missing") for name in check_packaging.VITA_FIELDS]
WRONG = [
    (KOS, without("GIT_TAG"), "needs GIT_TAG"),
    (KOS, without("GIT_REPOSITORY"), "neither GIT_REPOSITORY nor"),
    (KOS, without("INSTALLED_HDRS"), "neither INSTALLED_HDRS nor"),
    (KOS, instead("https://", "http://"), "not fetched by https"),
    (KOS, instead("csrc/include/*.h", "csrc/inc/*.h"), "nothing is called"),
    (KOS, lambda text: f"EXAMPLES_DIR = csrc/examples/saturn\n{text}", "EXAMPLES_DIR: no folder"),
    (KOS, instead("KOSMakefile.mk", "Kosmakefile.mk"), "there is no files/Kosmakefile.mk"),
    (KOS, lambda text: text + "\nMORE = 1\n", "the last line does not include kos-ports.mk"),
    (KOS, lambda text: f"REQUIRES_ABI = m4-single\n{text}", "REQUIRES_ABI"),
    (KOS, instead("0.1.0", "0.1.1"), "PORTVERSION is not"),
    (
        KOS,
        instead(
            "SHORT_DESC =        A live view of a game on the PC: memory, frame times, log, commands", "SHORT_DESC ="
        ),
        "is empty",
    ),
    (KOS_BUILD, without("OBJS"), "OBJS is missing"),
    (KOS_BUILD, instead("libflight.a", "libfight.a"), "TARGET is not that of the Makefile"),
    (KOS_BUILD, instead("flight_port_kos.o", "flight_port_dc.o"), "has no source"),
    (KOS_BUILD, instead("lib.mk", "lab.mk"), "lib.mk is not included"),
    (KOS_TEXT, lambda _: "Flight\n", "does not say what it is"),
    (PSP, instead("pkgname=flight", "pkgname=Flight"), "lower case"),
    (PSP, instead("arch=(any)", "arch=(psp)"), "arch is not (any)"),
    (PSP, instead("('MIT')", "('mit licence')"), "no SPDX identifier"),
    (PSP, instead("#tag=v${pkgver}", ""), "needs a tag or a commit"),
    (PSP, instead("('SKIP')", "('SKIP' 'SKIP')"), "not one entry for each source"),
    (PSP, instead('source=("${pkgname}::git+', 'source=("'), "sha256sums: SKIP"),
    (PSP, instead("groups=('psp-libraries')", "groups=('libraries')"), "groups is not"),
    (PSP, instead("prepare()", "prepared()"), "no function prepare"),
    (PSP, instead(' "${XTRA_OPTS[@]}"', ""), "XTRA_OPTS"),
    (PSP, instead("-DFLIGHT_PC_PREFIX='${PSPDEV}/psp'", "-DFLIGHT_PC_PREFIX=$PSPDEV/psp"), "FLIGHT_PC_PREFIX"),
    (PSP, instead("psp/share/licenses/$pkgname", "psp/share"), "licence"),
    (PSP, instead("arch=(any)", "arch=(any"), "it is no bash"),
    (PSP, instead("pkgver=0.1.0", "pkgver=0.1.0-1"), "pkgver is not 0.1.0"),
    (VITA, instead("vita.toolchain.cmake", "vita.cmake"), "vita.toolchain.cmake"),
    (VITA, instead("DESTDIR=$pkgdir ", ""), "$pkgdir"),
    (VITA, instead("package ()", "pack ()"), "no function package"),
]


@pytest.mark.parametrize(("path", "change", "words"), MISSING + WRONG, ids=[case[2][:40] for case in MISSING + WRONG])
def test_a_field_that_is_missing_or_wrong_is_found(path: str, change: Callable[[str], str], words: str) -> None:
    files = recipes()
    changed = change(files[path])
    assert changed != files[path]
    found = check_packaging.problems({**files, path: changed})
    assert any(problem.startswith(f"{path}: ") and words in problem for problem in found), found


@pytest.mark.parametrize("path", check_packaging.TEMPLATES)
def test_a_file_that_is_missing_is_found(path: str) -> None:
    files = recipes()
    del files[path]
    assert f"{path}: the file is missing" in check_packaging.problems(files)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("CMakeLists.txt", "VERSION 3.13", "VERSION 3.25", "newer CMake"),
        ("CMakeLists.txt", "LANGUAGES C)", "LANGUAGES C CXX)", "not C alone"),
        ("CMakeLists.txt", "elseif(VITA)", "elseif(PSVITA)", "no port is chosen by VITA"),
        ("packaging/flight.pc.in", "Name: flight", "", "Name is missing"),
        ("packaging/flight.pc.in", "prefix=@FLIGHT_PC_PREFIX@", "prefix=/usr", "prefix"),
        ("packaging/flight.pc.in", "@FLIGHT_VERSION@", "1.0", "Version"),
    ],
)
def test_what_all_recipes_build_with_is_checked_too(name: str, old: str, new: str, words: str, tmp_path: Path) -> None:
    csrc = tmp_path / "csrc"
    shutil.copytree(CSRC, csrc, ignore=shutil.ignore_patterns("build", "*.o"))
    text = (csrc / name).read_text(encoding="utf-8")
    assert old in text
    (csrc / name).write_text(text.replace(old, new), encoding="utf-8")
    found = check_packaging.problems(recipes(), csrc)
    assert any(problem.startswith(f"csrc/{name}: ") and words in problem for problem in found), found


def test_another_version_in_the_header_is_another_version_everywhere(tmp_path: Path) -> None:
    csrc = tmp_path / "csrc"
    shutil.copytree(CSRC, csrc, ignore=shutil.ignore_patterns("build", "*.o"))
    header = csrc / "include" / "flight.h"
    header.write_text(header.read_text(encoding="utf-8").replace("0x000100u", "0x020a01u"), encoding="utf-8")
    made = check_packaging.recipes("https://git.example.org/x.git", csrc)
    assert "PORTVERSION =       2.10.1\n" in made[KOS]
    assert "pkgver=2.10.1\n" in made[PSP]
    assert "pkgver=2.10.1\n" in made[VITA]


def written(folder: Path, *options: str) -> tuple[str, dict[str, str]]:
    """What was said, and the files."""
    said = run(
        sys.executable,
        "-m",
        "build_scripts.check_packaging",
        "--write",
        str(folder),
        *options,
        folder=check_packaging.ROOT,
    )
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return said, {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_recipes_are_written_with_the_place_that_was_named(tmp_path: Path) -> None:
    _, files = written(tmp_path, "--origin", "https://git.example.net/f.git")
    assert files.keys() == check_packaging.TEMPLATES.keys()
    assert 'url="https://git.example.net/f.git"' in files[PSP]
    with pytest.raises(AssertionError, match="not fetched by https"):
        written(tmp_path, "--origin", "http://git.example.net/f.git")


def test_recipes_for_this_machine_fetch_from_this_clone(tmp_path: Path) -> None:
    _, files = written(tmp_path, "--here")
    here = check_packaging.ROOT.as_uri()
    assert f"GIT_REPOSITORY =    {here}\n" in files[KOS]
    assert f"::git+{here}#tag=v${{pkgver}}" in files[PSP]
    assert f"::git+{here}#tag=v${{pkgver}}" in files[VITA]


def test_without_a_place_recipes_name_where_the_clone_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {"remote": "https://git.example.net/mine.git", "tag": ""}
    monkeypatch.setattr(check_packaging, "git", lambda *words: answers[words[0]])
    assert check_packaging.main(["--write", str(tmp_path)]) == 0
    assert 'url="https://git.example.net/mine.git"' in (tmp_path / PSP).read_text(encoding="utf-8")
    assert "which this clone does not have: `git tag v0.1.0`" in capsys.readouterr().out
    answers["tag"] = "v0.1.0"
    assert check_packaging.main(["--write", str(tmp_path)]) == 0
    assert "does not have" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "remote", ["", "git@git.example.net:me/f.git", "https://me:secret@git.example.net/f.git", "/srv/f"]
)
def test_no_recipe_is_written_with_a_place_that_others_cannot_fetch_from(
    remote: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check_packaging, "git", lambda *_: remote)
    with pytest.raises(SystemExit):
        check_packaging.main(["--write", str(tmp_path)])
    said = capsys.readouterr().err
    assert "--origin URL, or --here" in said
    assert "secret" not in said
    assert list(tmp_path.iterdir()) == []


# What the toolchain files of the SDKs set, as far as a CMakeLists.txt sees it.
TOOLCHAINS = {
    "kos": "set(CMAKE_SYSTEM_NAME dreamcast)\nset(PLATFORM_DREAMCAST TRUE)\n",
    "psp": "set(CMAKE_SYSTEM_NAME Generic)\nset(PSP TRUE)\nset(PLATFORM_PSP TRUE)\n",
    "vita": "set(CMAKE_SYSTEM_NAME Generic)\nset(VITA TRUE)\n",
    "none": "set(CMAKE_SYSTEM_NAME Generic)\n",
}


@pytest.mark.parametrize("port", TOOLCHAINS)
def test_the_toolchain_file_chooses_the_port(port: str, tmp_path: Path) -> None:
    toolchain = tmp_path / "toolchain.cmake"
    toolchain.write_text(
        f"{TOOLCHAINS[port]}set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)\nset(CMAKE_C_COMPILER {program('gcc')})\n"
    )
    words: list[str | Path] = ["-S", CSRC, "-B", tmp_path / "build", f"-DCMAKE_TOOLCHAIN_FILE={toolchain}"]
    assert f"flight: port {port}\n" in run(program("cmake"), *words)
    config = (tmp_path / "build" / "flight.pc").read_text(encoding="utf-8")
    assert ("-lflight_port" in config) == (port != "none")
    assert ("-lSceNet_stub" in config) == (port == "vita")


def test_a_port_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"there is no ports/flight_port_saturn\.c"):
        run(program("cmake"), "-S", CSRC, "-B", tmp_path / "build", "-DFLIGHT_PORT=saturn")
