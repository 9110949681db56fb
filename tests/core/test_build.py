"""How the core is built: freestanding, without a warning, with the GIL kept, and with words where it cannot be."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import flight_client._core
from tests.core.compiled import FLAGS, ROOT, SOURCES, linked, tool
from tests.core.plain import build_frame


def test_the_core_compiles_freestanding_and_needs_only_four_memory_functions(tmp_path: Path) -> None:
    objects = []
    for source in SOURCES:
        target = tmp_path / f"{source.stem}.o"
        command = [tool("gcc"), *FLAGS, "-ffreestanding", "-nostdlib", "-c", str(source), "-o", str(target)]
        subprocess.run(command, check=True)
        objects.append(str(target))
    symbols = subprocess.run([tool("nm"), *objects], check=True, capture_output=True, text=True).stdout
    kinds = [(line.split()[-2], line.split()[-1]) for line in symbols.splitlines() if len(line.split()) >= 2]
    defined = {name for kind, name in kinds if kind == "T"}
    needed = {name for kind, name in kinds if kind == "U"} - defined
    assert needed <= {"memcpy", "memmove", "memset", "memcmp"}
    assert all(name.startswith("flight_") for name in defined)
    assert not [name for kind, name in kinds if kind in "DdBbC"], "the core has no variable of its own"


def test_the_header_compiles_as_cpp(tmp_path: Path) -> None:
    program = tmp_path / "program.cpp"
    program.write_text('#include "flight.h"\nint main() { return flight_selftest(nullptr) == 0; }\n')
    flags = [flag for flag in FLAGS if flag not in {"-std=c99", "-Wstrict-prototypes", "-Wmissing-prototypes"}]
    command = [tool("g++"), "-std=c++17", *flags, "-fsyntax-only", str(program)]
    subprocess.run(command, check=True)


def test_the_sources_include_no_header_that_needs_a_library() -> None:
    allowed = {"stdarg.h", "stddef.h", "stdint.h", "string.h"}
    for path in [*SOURCES, *(ROOT / "csrc").glob("include/*.h"), *(ROOT / "csrc").glob("src/*.h")]:
        assert set(re.findall(r"#include <(.+)>", path.read_text())) <= allowed, path


def test_c_functions_stay_short() -> None:
    for path in SOURCES:
        lines = path.read_text().splitlines()
        starts = [number for number, line in enumerate(lines) if line == "{"]
        ends = [number for number, line in enumerate(lines) if line == "}"]
        assert len(starts) == len(ends), path
        assert all(end - start <= 60 for start, end in zip(starts, ends, strict=True)), path


def test_the_module_keeps_the_gil() -> None:
    # The only way to release it is through these two; an unstripped or stripped module names them if it calls them.
    module = Path(flight_client._core.__file__).read_bytes()
    assert b"PyArg_" in module or b"_cffi_backend" in module, "this is not the module that was looked for"
    assert b"PyEval_SaveThread" not in module
    assert b"PyEval_RestoreThread" not in module


def test_the_module_is_abi3() -> None:
    name = Path(flight_client._core.__file__).name
    assert ".abi3." in name or sys.platform == "win32"


def test_the_stub_names_exactly_what_the_module_offers() -> None:
    tree = ast.parse((ROOT / "flight_client" / "_core.pyi").read_text())
    stub = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "_Lib")
    names = {node.name for node in stub.body if isinstance(node, ast.FunctionDef)}
    assert names == set(dir(flight_client._core.lib))


def test_the_c_example_prints_the_frame_that_python_reads(tmp_path: Path) -> None:
    program = linked(tmp_path, ROOT / "examples" / "c" / "core_example.c")
    printed = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    body = b"".join(value.to_bytes(4, "little") for value in (16777216, 8808038, 7969178, 0xFFFFFFFF, 1250))
    record = bytes([1, 5]) + (250).to_bytes(2, "little") + body
    assert bytes.fromhex(printed) == build_frame(13, 0x22, 7, 0, 0, record)


def test_a_machine_without_a_compiler_is_told_what_to_install(tmp_path: Path) -> None:
    script = f"""
import os, runpy, setuptools, sys
from setuptools import Distribution, Extension
caught = {{}}
setuptools.setup = lambda **arguments: caught.update(arguments)
runpy.run_path({str(ROOT / "setup.py")!r})
build = caught["cmdclass"]["build_ext"](Distribution({{"ext_modules": [Extension("none", ["none.c"])]}}))
build.build_temp = build.build_lib = {str(tmp_path)!r}
build.ensure_finalized()
build.run()
"""
    (tmp_path / "none.c").write_text("int none;\n")
    environment = {**os.environ, "CC": str(tmp_path / "no-such-compiler")}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "the C core could not be compiled" in run.stderr
    assert "apt install gcc" in run.stderr
    assert "Traceback" not in run.stderr
