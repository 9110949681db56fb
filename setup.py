"""Builds flight_client._core, the C core behind cffi. Everything else about the package stands in pyproject.toml."""

import sys
from collections.abc import Callable
from typing import NoReturn

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

NO_COMPILER = """
flight-realtime: the C core could not be compiled: {reason}

It needs a C compiler and the headers of Python {version}. Install them and try again:
    Debian, Ubuntu     sudo apt install gcc libc6-dev python3-dev
    Fedora             sudo dnf install gcc python3-devel
    Alpine             apk add gcc musl-dev python3-dev
    macOS              xcode-select --install
    Windows            Visual Studio Build Tools, workload "Desktop development with C++"
If the compiler is there, its own messages stand above this text; CC=... chooses another one.
"""

PARTS_OF_FAST = ("clock", "emitter", "fields", "module", "reader", "ring")
CORE_OF_FAST = ("batch", "delta_pack", "pack", "ring")

NO_CFFI = """
flight-realtime: cffi is missing, which describes the C core to Python. Install it and try again:
    python -m pip install "cffi>=2"
"""


def stop(text: str) -> NoReturn:
    """End with words for a person instead of a traceback."""
    raise SystemExit(text)


class BuildCore(build_ext):
    """Compiling, with an explanation where it fails."""

    def _explain(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (BaseError, CCompilerError, OSError) as error:
            stop(NO_COMPILER.format(reason=error, version=f"{sys.version_info[0]}.{sys.version_info[1]}"))

    def run(self) -> None:
        self._explain(super().run)

    def build_extension(self, ext: Extension) -> None:
        self._explain(lambda: super(BuildCore, self).build_extension(ext))


try:
    import cffi  # noqa: F401  (setuptools passes over cffi_modules in silence where cffi is missing)
except ImportError:
    stop(NO_CFFI)

# As in build_core.py: nothing for debuggers, nothing that is not called, and not the -O3 of some interpreters, whose copies of
# loops weigh a seventh more and gain nothing here.
NO_TABLES = ["-fno-asynchronous-unwind-tables"]
STRIP = ["-Wl,-s", "-Wl,--gc-sections"] if sys.platform.startswith("linux") else []

# The short way of events (csrc/python/), with the sources of the core that it needs.
FAST = Extension(
    "flight_client._fast",
    sources=[
        *(f"csrc/python/fast_{name}.c" for name in PARTS_OF_FAST),
        *(f"csrc/src/flight_{name}.c" for name in CORE_OF_FAST),
    ],
    depends=[
        "csrc/python/fast.h",
        "csrc/include/flight.h",
        "csrc/include/flight_emit.h",
        "csrc/src/flight_slots.h",
        "csrc/src/flight_delta.h",
    ],
    include_dirs=["csrc/include"],
    define_macros=[("FLIGHT_SESSION", "0"), ("FLIGHT_POLLING", "0"), ("FLIGHT_WEBSOCKET", "0")],
    extra_compile_args=[]
    if sys.platform == "win32"
    else ["-g0", "-fvisibility=hidden", "-O2", "-ffunction-sections", *NO_TABLES],
    extra_link_args=STRIP,
    py_limited_api=True,
)

setup(
    ext_modules=[FAST],
    cffi_modules=["build_scripts/build_core.py:ffibuilder"],
    cmdclass={"build_ext": BuildCore},
    # One wheel for every CPython from 3.11 on; cffi sets the limited API on the extension by itself.
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
