"""The core as two files: the same bytes each time, without a warning everywhere, and the same behaviour."""

import itertools
import re
import shutil
import sys
from pathlib import Path

import pytest
from cffi import FFI

from build_scripts import amalgamate, build_core
from flight_client.version import __version__
from tests.packaging.programs import WARNINGS, program, run, strict
from tests.project.tree import ROOT

MEMORY = {"memcpy", "memmove", "memset", "memcmp"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("amalgamation")
    amalgamate.amalgamate(made)
    return made


def tree(folder: Path, **files: str) -> Path:
    """A small project: C sources by name, `__` for the dot, those ending in `h` as headers."""
    folder.mkdir(exist_ok=True)
    shutil.copy(ROOT / "LICENSE", folder / "LICENSE")
    for name, text in files.items():
        path = folder / "csrc" / ("include" if name == "flight__h" else "src") / name.replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


HEADER = "#ifndef FLIGHT_H\n#define FLIGHT_H\n#define FLIGHT_CORE_VERSION 0x010203u\nint flight_one(void);\n#endif\n"


# --- the same bytes, and nothing of this machine ---


def test_the_same_sources_give_the_same_bytes_from_another_folder(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "csrc", tmp_path / "elsewhere" / "csrc")
    shutil.copy(ROOT / "LICENSE", tmp_path / "elsewhere")
    amalgamate.amalgamate(tmp_path / "out", tmp_path / "elsewhere")
    for name in ("flight.h", "flight.c"):
        assert (folder / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_the_files_name_version_hash_and_licence_and_no_place_or_time(folder: Path) -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8").split()
    for name in ("flight.h", "flight.c"):
        text = (folder / name).read_text(encoding="utf-8")
        head = text.partition("*/")[0]
        assert __version__ in head
        assert re.search(r"SHA-256 of the sources: [0-9a-f]{64}$", head, re.MULTILINE)
        assert " ".join(licence) in " ".join(head.replace("\n *", " ").split())
        assert str(ROOT) not in text
        assert str(folder) not in text
        assert not re.search(r"__(DATE|TIME)__|\b\d{1,2}:\d\d\b", text)


def test_another_source_gives_another_hash(tmp_path: Path) -> None:
    first = tree(tmp_path / "a", flight__h=HEADER, one__c='#include "flight.h"\nint flight_one(void) { return 1; }\n')
    second = tree(tmp_path / "b", flight__h=HEADER, one__c='#include "flight.h"\nint flight_one(void) { return 2; }\n')
    made = [amalgamate.amalgamate(root / "out", root) for root in (first, second)]
    assert made[0].sha256 != made[1].sha256
    assert made[0].version == "1.2.3"
    # A header and a source of different versions are told apart by the compiler.
    shutil.copy(first / "out" / "flight.h", second / "out")
    with pytest.raises(AssertionError, match="not of the same version"):
        run(program("gcc"), "-c", "flight.c", folder=second / "out")


def test_no_header_of_the_project_is_included_any_more(folder: Path) -> None:
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in ("flight.h", "flight.c")}
    assert re.findall(r'#\s*include\s*"(.*)"', texts["flight.h"]) == []
    assert re.findall(r'#\s*include\s*"(.*)"', texts["flight.c"]) == ["flight.h"]
    for path in sorted([*(ROOT / "csrc").glob("include/*.h"), *(ROOT / "csrc").glob("src/*.h")]):
        assert "".join(texts.values()).count(f"/* ---- {path.name} ---- */") == (path.name != "flight.h"), path.name


# --- compilers ---


# gcc 12 and clang 14 call C23 c2x.
@pytest.mark.parametrize(
    ("compiler", "standard"),
    [
        *itertools.product(["gcc", "clang"], ["c99", "c11", "c17", "gnu17", "c2x", "gnu2x"]),
        ("clang-19", "c99"),
        ("clang-19", "c23"),
    ],
)
def test_it_is_read_without_a_warning(compiler: str, standard: str, folder: Path) -> None:
    run(program(compiler), f"-std={standard}", *strict(compiler), "-fsyntax-only", folder / "flight.c")


@pytest.mark.parametrize("level", ["-O2", "-Os"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_it_compiles_without_a_warning(compiler: str, level: str, folder: Path, tmp_path: Path) -> None:
    # What only an optimizer can warn of is the same in every standard.
    run(program(compiler), "-std=c99", level, *strict(compiler), "-c", folder / "flight.c", "-o", tmp_path / "o")


@pytest.mark.parametrize(
    "options",
    [
        ["-DFLIGHT_CRC=0", "-DFLIGHT_SESSION_PIECES=0"],
        ["-DFLIGHT_CRC=4", "-DFLIGHT_SHA256=0"],
        ["-DFLIGHT_CRC_HARDWARE=1", "-DFLIGHT_SESSION=0"],
        ["-DFLIGHT_SHA256=0", "-DFLIGHT_SESSION=0"],
    ],
)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_its_options_leave_no_warning(compiler: str, options: list[str], folder: Path, tmp_path: Path) -> None:
    chosen = ["-std=c99", "-O0", *strict(compiler), *options]
    run(program(compiler), *chosen, "-c", folder / "flight.c", "-o", tmp_path / "o")


@pytest.mark.parametrize(
    "options",
    [
        ["FLIGHT_CLIENT=0"],
        ["FLIGHT_SESSION=0"],
        ["FLIGHT_POLLING=0"],
        ["FLIGHT_WEBSOCKET=0"],
        ["FLIGHT_PROBE=0"],
        ["FLIGHT_DELTA=0"],
        ["FLIGHT_COMMANDS=0"],
        ["FLIGHT_RECORDS=0", "FLIGHT_FORMAT=0"],
        ["FLIGHT_TCP=0", "FLIGHT_PIPE=0"],
        ["FLIGHT_POLLING=0", "FLIGHT_WEBSOCKET=0", "FLIGHT_PIPE=0"],
        ["FLIGHT_SHA256=0"],
        ["FLIGHT_SESSION_PIECES=0"],
    ],
    ids=" ".join,
)
def test_it_compiles_without_what_is_left_out(options: list[str], folder: Path, tmp_path: Path) -> None:
    chosen = [f"-D{option}" for option in options]
    run(program("gcc"), "-std=c99", "-O0", *strict("gcc"), *chosen, "-c", folder / "flight.c", "-o", tmp_path / "o")


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_the_header_is_a_cpp17_header(compiler: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "use.cpp").write_text(
        '#include "flight.h"\nint main() { return flight_version() == FLIGHT_CORE_VERSION ? 0 : 1; }\n',
        encoding="utf-8",
    )
    run(
        program(compiler),
        "-std=c++17",
        "-O2",
        *WARNINGS,
        f"-I{folder}",
        "-c",
        tmp_path / "use.cpp",
        "-o",
        tmp_path / "o",
    )
    run(program("gcc"), "-O0", "-c", folder / "flight.c", "-o", tmp_path / "flight.o")
    run(program(compiler), tmp_path / "o", tmp_path / "flight.o", "-o", tmp_path / "use")
    run(tmp_path / "use")


# As the consoles' own build files call their compilers; -m4-single is not in Debian's SH compiler.
SDK = {
    "sh4-linux-gnu-gcc": (
        "-O2 -m4 -ml -mfsrra -mfsca -ffunction-sections -fdata-sections -matomic-model=soft-gusa -ftls-model=local-exec"
    ),
    "mipsel-linux-gnu-gcc": "-O2 -G0 -march=mips2 -mabi=eabi -msingle-float -mno-abicalls -fno-pic",
    "arm-linux-gnueabihf-gcc": "-O3 -mcpu=cortex-a9 -mthumb",
    "gcc": "-O2 -ffunction-sections -fdata-sections -fno-strict-aliasing",
}


@pytest.mark.parametrize("compiler", SDK)
def test_it_compiles_with_the_flags_of_the_consoles(compiler: str, folder: Path, tmp_path: Path) -> None:
    # Debian's cross compilers come without a C library; this is all the core asks of one.
    (tmp_path / "string.h").write_text(
        "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\nvoid *memmove(void *, const void *, size_t);\n"
        "void *memset(void *, int, size_t);\nint memcmp(const void *, const void *, size_t);\n"
    )
    flags = ["-ffreestanding", f"-I{tmp_path}", *SDK[compiler].split(), *strict(compiler)]
    run(program(compiler), "-std=gnu17", *flags, "-c", folder / "flight.c", "-o", tmp_path / "o")
    run(program(compiler), "-std=gnu2x", *flags, "-fsyntax-only", folder / "flight.c")


def test_exactly_the_calls_of_the_header_are_visible_and_every_own_name_has_the_prefix(
    folder: Path, tmp_path: Path
) -> None:
    run(program("gcc"), "-O0", "-ffreestanding", "-c", folder / "flight.c", "-o", tmp_path / "o")
    kinds = [line.split()[-2:] for line in run(program("nm"), tmp_path / "o").splitlines()]
    visible = {name for kind, name in kinds if kind.isupper() and kind != "U"}
    of_a_port_file = {"flight_resolve"}
    assert visible | of_a_port_file == amalgamate.Amalgamation(ROOT / "csrc", ROOT / "LICENSE").public
    assert {name for kind, name in kinds if kind == "U"} <= MEMORY
    # A number behind a dot: a table inside a function, which no linker and no other function can see.
    own = {name for kind, name in kinds if kind != "U" and not re.search(r"\.\d+$", name)}
    assert {name for name in own if not name.startswith("flight_")} == set()
    assert not [name for kind, name in kinds if kind in "DdBbC"], "no variable"


# --- behaviour ---


def test_the_example_prints_the_same_with_sources_and_amalgamation(folder: Path, tmp_path: Path) -> None:
    example = ROOT / "examples" / "c" / "core_example.c"
    sources = sorted((ROOT / "csrc" / "src").glob("*.c"))
    run(program("gcc"), f"-I{ROOT / 'csrc' / 'include'}", example, *sources, "-o", tmp_path / "sources")
    run(program("gcc"), f"-I{folder}", example, folder / "flight.c", "-o", tmp_path / "amalgamation")
    assert run(tmp_path / "sources") == run(tmp_path / "amalgamation") != ""


def files_of_the_core() -> list[Path]:
    """The tests that call the core in this process; those that start a compiler look at the sources, not at it."""
    found = []
    for path in sorted([*ROOT.glob("tests/core/test_*.py"), *ROOT.glob("tests/wire/test_*.py")]):
        text = path.read_text(encoding="utf-8")
        if re.search(r"flight_client\.(_core|wire)\b", text) and "subprocess" not in text and "programs" not in text:
            found.append(path)
    return found


@pytest.mark.timeout(600)  # a run of its own over all of tests/core: a quarter of a minute, minutes on a busy machine
def test_the_tests_of_the_core_pass_with_the_amalgamation(folder: Path, tmp_path: Path) -> None:
    ffi = FFI()
    ffi.cdef(build_core.DECLARATIONS)
    flags = [] if sys.platform == "win32" else ["-g0"]
    source = str(folder / "flight.c")
    ffi.set_source("_core", build_core.SOURCE, sources=[source], include_dirs=[str(folder)], extra_compile_args=flags)
    module = ffi.compile(tmpdir=str(tmp_path))
    chosen = files_of_the_core()
    assert len(chosen) > 5
    command = [sys.executable, "-m", "pytest", "-p", "tests.packaging.other_core", "-p", "no:cacheprovider", "-q"]
    printed = run(*command, *chosen, folder=ROOT, FLIGHT_TEST_CORE=str(module))
    assert re.search(r"^\d+ passed in ", printed, re.MULTILINE), printed


# --- what new files may do ---


def test_private_names_of_two_sources_do_not_meet(tmp_path: Path) -> None:
    one = """
#include "flight.h"
#include "shared.h"
#define LIMIT 3
#ifdef LIMIT
enum step { FIRST = 1, SECOND };
#endif
typedef struct pair { int left, limit; } pair;
typedef int (*call)(int);
static const char text[] = "limit and twice() stay in a string"; /* and twice in a comment */
static int twice(int value);
static inline int __attribute__((always_inline)) once(int value) { return value; }
static int twice(int value) { call f = once; return 2 * f(value); }
int hidden(int value) { pair p = {.left = LIMIT, .limit = 0}; return p.left + p.limit + twice(value) + FIRST + text[0] * 0; }
int flight_one(void) { return hidden(SHARED); }
"""
    two = '#include "flight.h"\n#include "shared.h"\n#define LIMIT 4\nstatic int twice(int n) { return n + LIMIT; }\n'
    two += "enum step { FIRST = 9 };\nint flight_two(void) { return twice(FIRST) + hidden(SHARED) + unused_here; }\n"
    shared = "#ifndef SHARED_H\n#define SHARED_H\n#define SHARED 5\nenum { unused_here = 0 };\nint hidden(int value);\n"
    shared += "static inline int never(void) { return 1; }\n#endif\n"
    header = HEADER.replace("int flight_one(void);", "int flight_one(void);\nint flight_two(void);")
    root = tree(tmp_path, flight__h=header, shared__h=shared, one__c=one, two__c=two)
    made = amalgamate.amalgamate(tmp_path / "out", root)
    assert '"limit and twice() stay in a string"' in made.source
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "flight.h"\nint main(void) { printf("%d %d\\n", flight_one(), flight_two()); }\n'
    )
    for compiler in ("gcc", "clang"):
        run(program(compiler), "-std=c99", *strict(compiler), "-c", "out/flight.c", "-o", "o", folder=tmp_path)
        run(program(compiler), "-Iout", "main.c", "o", "-o", "main", folder=tmp_path)
        assert run(tmp_path / "main") == "14 27\n"
    names = [line.split()[-2:] for line in run(program("nm"), tmp_path / "o").splitlines()]
    assert {name for kind, name in names if kind == "T"} == {"flight_one", "flight_two"}


def test_a_header_included_under_a_condition_is_there_when_the_condition_is_not_met(tmp_path: Path) -> None:
    extra = "#ifndef EXTRA_H\n#define EXTRA_H\nenum { flight_extra = 7 };\n#endif\n"
    one = '#include "flight.h"\n#ifdef NEVER\n#include "extra.h"\n#endif\nint flight_one(void) { return 1; }\n'
    two = '#include "extra.h"\nint flight_two(void);\nint flight_two(void) { return flight_extra; }\n'
    root = tree(tmp_path, flight__h=HEADER, extra__h=extra, one__c=one, two__c=two)
    amalgamate.amalgamate(tmp_path / "out", root)
    for options in ([], ["-DNEVER"]):
        run(program("gcc"), *strict("gcc"), "-Wno-unused-function", *options, "-c", "out/flight.c", folder=tmp_path)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('#include "elsewhere.h"\n', r'one\.c: #include "elsewhere\.h" is no header of the core'),
        ("int flight_one(void) {\n#if 1\n{\n#endif\n}\n", "braces"),
        (
            "static int one;\nint flight_one_one(void);\n#define one_c_one 1\nint one_c_;\nint flight_one_c_one;\n",
            "call it otherwise",
        ),
    ],
)
def test_what_cannot_be_made_one_file_is_refused_with_its_place(source: str, words: str, tmp_path: Path) -> None:
    root = tree(tmp_path, flight__h=HEADER, one__c=source)
    with pytest.raises(amalgamate.AmalgamationError, match=words):
        amalgamate.amalgamate(tmp_path / "out", root)
    assert not (tmp_path / "out").exists()


def test_a_public_name_without_the_prefix_is_refused(tmp_path: Path) -> None:
    root = tree(tmp_path, flight__h=HEADER.replace("flight_one", "one"), one__c="int one(void) { return 1; }\n")
    with pytest.raises(amalgamate.AmalgamationError, match="without the prefix flight_ or FLIGHT_: one"):
        amalgamate.amalgamate(tmp_path / "out", root)


def test_the_command_writes_to_the_build_folder_and_says_what(tmp_path: Path) -> None:
    printed = run(sys.executable, ROOT / "build_scripts" / "amalgamate.py", "--output", tmp_path / "out")
    assert re.match(r"flight\.h: [\d,]+ bytes, [\d,]+ lines\nflight\.c: ", printed)
    ports = {f"flight_port_{name}.c" for name in ("kos", "posix", "psp", "psplink", "vita")}
    assert f"and one of: {', '.join(sorted(ports))}\n" in printed
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"flight.h", "flight.c", *ports}
