"""The core as an installed library: by CMake and by make the same, found by find_package and by pkg-config, movable."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.programs import program, run
from tests.project.tree import ROOT

CSRC = ROOT / "csrc"
EXAMPLE = ROOT / "examples" / "c" / "core_example.c"
CONSUMER = """
cmake_minimum_required(VERSION 3.13)
project(consumer LANGUAGES C)
find_package(flight {version} REQUIRED)
add_executable(consumer {example})
target_link_libraries(consumer flight::flight)
"""


def by_cmake(folder: Path, *options: str) -> Path:
    prefix = folder / "prefix"
    run(program("cmake"), "-S", CSRC, "-B", folder / "build", f"-DCMAKE_INSTALL_PREFIX={prefix}", *options)
    run(program("cmake"), "--build", folder / "build", "--target", "install")
    return prefix


def by_make(folder: Path, *options: str) -> Path:
    prefix = folder / "prefix"
    # Not what an outer make hands down.
    run(
        program("make"), "install", f"PREFIX={prefix}", f"BUILD={folder / 'build'}", *options, folder=CSRC, MAKEFLAGS=""
    )
    return prefix


WAYS = {"cmake": by_cmake, "make": by_make}
# Where only the way is looked at, not the code: most of such a test is the compiler's optimizing.
QUICKLY = {"cmake": "-DCMAKE_C_FLAGS_RELEASE=-O0", "make": "CFLAGS=-O0"}


@pytest.fixture(scope="module")
def prefixes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What each way installed."""
    return {name: way(tmp_path_factory.mktemp(name), QUICKLY[name]) for name, way in WAYS.items()}


@pytest.fixture(scope="module", params=WAYS)
def installed(request: pytest.FixtureRequest, prefixes: dict[str, Path]) -> Iterator[Path]:
    """A folder with the library in it, moved after it was installed."""
    prefix = prefixes[request.param]
    yield prefix.rename(prefix.parent / "moved here")
    (prefix.parent / "moved here").rename(prefix)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the example prints with the sources."""
    built = tmp_path_factory.mktemp("plain") / "example"
    run(program("gcc"), f"-I{CSRC / 'include'}", EXAMPLE, *sorted((CSRC / "src").glob("*.c")), "-o", built)
    return run(built)


def test_both_ways_install_the_same(prefixes: dict[str, Path]) -> None:
    trees = list(prefixes.values())
    listings = [sorted(path.relative_to(tree) for path in tree.rglob("*") if path.is_file()) for tree in trees]
    assert listings[0] == listings[1]
    assert Path("lib/libflight.a") in listings[0]
    assert Path("share/licenses/flight/LICENSE") in listings[0]
    for name in listings[0]:
        if name.suffix != ".a":
            assert (trees[0] / name).read_bytes() == (trees[1] / name).read_bytes(), name
    symbols = [run(program("nm"), "-g", tree / "lib" / "libflight.a") for tree in trees]
    names = [sorted(line.split()[-2:] for line in text.splitlines() if " T " in line) for text in symbols]
    assert [pair[1] for pair in names[0]] == [pair[1] for pair in names[1]]


def test_nothing_installed_knows_where_it_is(installed: Path) -> None:
    for path in installed.rglob("*"):
        if path.is_file():
            assert str(installed.parent).encode() not in path.read_bytes(), path


def test_a_program_finds_it_with_cmake(installed: Path, expected: str, tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text(CONSUMER.format(example=EXAMPLE, version="0.1"))
    run(program("cmake"), "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={installed}")
    run(program("cmake"), "--build", tmp_path / "build")
    assert run(tmp_path / "build" / "consumer") == expected


@pytest.mark.parametrize("version", ["0.0.9", "0.2", "1.0"])
def test_cmake_refuses_a_version_that_may_have_other_calls(installed: Path, version: str, tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text(CONSUMER.format(example=EXAMPLE, version=version))
    with pytest.raises(AssertionError, match="compatible"):
        run(program("cmake"), "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={installed}")


def test_a_program_finds_it_with_pkg_config(installed: Path, expected: str, tmp_path: Path) -> None:
    straight = installed.rename(tmp_path / "here")  # a path with a space is more than shells and pkg-config agree on
    try:
        where = str(straight / "lib" / "pkgconfig")
        flags = run(program("pkg-config"), "--cflags", "--libs", "flight", PKG_CONFIG_PATH=where).split()
        assert run(program("pkg-config"), "--modversion", "flight", PKG_CONFIG_PATH=where) == "0.1.0\n"
        run(program("gcc"), EXAMPLE, *flags, "-o", tmp_path / "consumer")
        assert run(tmp_path / "consumer") == expected
    finally:
        straight.rename(installed)


def test_it_builds_as_a_part_of_another_project(expected: str, tmp_path: Path) -> None:
    lines = CONSUMER.format(example=EXAMPLE, version="").replace(
        "find_package(flight  REQUIRED)", f"add_subdirectory({CSRC} f)"
    )
    (tmp_path / "CMakeLists.txt").write_text(lines)
    run(program("cmake"), "-S", tmp_path, "-B", tmp_path / "build", QUICKLY["cmake"])
    run(program("cmake"), "--build", tmp_path / "build")
    assert run(tmp_path / "build" / "consumer") == expected


def options_of_the_sources() -> list[str]:
    found = []
    for path in sorted(CSRC.glob("*/*.[ch]")):
        found += re.findall(r"^#ifndef (FLIGHT_\w+)\n#define \1 ", path.read_text(encoding="utf-8"), re.MULTILINE)
    return found


def test_every_option_of_the_sources_is_an_option_of_cmake(tmp_path: Path) -> None:
    shutil.copytree(CSRC, tmp_path / "csrc")
    path = tmp_path / "csrc" / "src" / "flight_example.c"
    path.write_text(
        "#ifndef FLIGHT_EXAMPLE\n#define FLIGHT_EXAMPLE 1\n#endif\nint flight_example(void);\n", encoding="utf-8"
    )
    run(
        program("cmake"),
        "-S",
        tmp_path / "csrc",
        "-B",
        tmp_path / "build",
        "-DFLIGHT_EXAMPLE=5",
        "-DFLIGHT_OPTIONS=OTHER=1",
    )
    cached = run(program("cmake"), "-LH", "-N", tmp_path / "build")
    for option in [*options_of_the_sources(), "FLIGHT_EXAMPLE"]:
        assert re.search(rf"^{option}:STRING=", cached, re.MULTILINE), option
    config = (tmp_path / "build" / "flight.pc").read_text(encoding="utf-8")
    assert "Cflags: -I${includedir} -DOTHER=1 -DFLIGHT_EXAMPLE=5\n" in config


def test_make_hands_options_to_the_compiler_and_to_programs(tmp_path: Path) -> None:
    # Clang and gcc stop at an -D that the sources refuse; here it is enough that it arrives.
    prefix = by_make(tmp_path, "OPTIONS=-DFLIGHT_EXAMPLE=5 -DOTHER=1", "LIBDIR=lib/deep", QUICKLY["make"])
    config = (prefix / "lib" / "deep" / "pkgconfig" / "flight.pc").read_text(encoding="utf-8")
    assert "Cflags: -I${includedir} -DFLIGHT_EXAMPLE=5 -DOTHER=1\n" in config
    assert config.startswith("prefix=${pcfiledir}/../../..\n")
    package = (prefix / "lib" / "deep" / "cmake" / "flight" / "flight-config.cmake").read_text(encoding="utf-8")
    assert '"FLIGHT_EXAMPLE=5;OTHER=1"' in package
    assert '/../../../.." ABSOLUTE' in package


def test_the_prefix_can_be_what_the_psp_packages_want(tmp_path: Path) -> None:
    for name, way in WAYS.items():
        option = "-DFLIGHT_PC_PREFIX=${PSPDEV}/psp" if name == "cmake" else "PC_PREFIX=$${PSPDEV}/psp"
        prefix = way(tmp_path / name, option, QUICKLY[name])
        config = (prefix / "lib" / "pkgconfig" / "flight.pc").read_text(encoding="utf-8")
        assert config.startswith("prefix=${PSPDEV}/psp\n")


CROSS = {
    "sh4-linux-gnu-gcc": "-m4 -ml -matomic-model=soft-gusa",
    "mipsel-linux-gnu-gcc": "-march=mips2 -mabi=eabi -msingle-float -mno-abicalls -fno-pic -G0",
    "arm-linux-gnueabihf-gcc": "-mcpu=cortex-a9 -mthumb",
}


@pytest.mark.parametrize("compiler", CROSS)
def test_it_configures_and_builds_with_a_toolchain_file(compiler: str, tmp_path: Path) -> None:
    (tmp_path / "string.h").write_text(
        "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\nvoid *memmove(void *, const void *, size_t);\n"
        "void *memset(void *, int, size_t);\nint memcmp(const void *, const void *, size_t);\n"
    )
    toolchain = tmp_path / "toolchain.cmake"
    toolchain.write_text(
        "set(CMAKE_SYSTEM_NAME Generic)\nset(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)\n"
        f"set(CMAKE_C_COMPILER {program(compiler)})\n"
        f'set(CMAKE_C_FLAGS_INIT "-ffreestanding -I{tmp_path} {CROSS[compiler]}")\n'
    )
    prefix = by_cmake(tmp_path, f"-DCMAKE_TOOLCHAIN_FILE={toolchain}", QUICKLY["cmake"])
    assert (prefix / "lib" / "libflight.a").stat().st_size > 1000


def test_neither_way_turns_warnings_into_errors_or_asks_for_what_a_console_lacks() -> None:
    for name in ("CMakeLists.txt", "Makefile"):
        text = (CSRC / name).read_text(encoding="utf-8")
        for word in ("-Werror", "-fPIC", "POSITION_INDEPENDENT", "try_run", "check_c_source", "CXX", "SHARED"):
            assert word not in text, (name, word)
