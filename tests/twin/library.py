"""The C session as a shared library, for tests only: the shipped module has no session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cffi

from build_scripts import ctools

HERE = Path(__file__).resolve().parent
DECLARATIONS = """
int twin_begin(const uint8_t *setup, uint32_t bytes);
int twin_step(const uint8_t *step, uint32_t bytes);
uint32_t twin_snapshot(uint32_t *words);
int twin_frame(const uint8_t **frame);
uint32_t twin_digest(void);
int twin_resume(const uint8_t *copies, uint8_t *out);
void twin_resume_name(const char *device_id, uint8_t *out);
uint8_t twin_state(void);
uint8_t twin_next_state(uint32_t state, uint32_t happening);
uint32_t twin_sizeof(void);
long twin_replay(const char *text, long *sessions);
"""
WORDS = 4096


class Twin:
    """One C session at a time."""

    def __init__(self) -> None:
        """Build the library, or take the one that the same sources gave before."""
        sources = [*ctools.core_sources(), *ctools.session_sources(), *sorted(HERE.glob("*.c"))]
        flags = ["-O1", "-fPIC", "-shared", f"-I{HERE}"]
        path = ctools.program("libtwin.so", sources, flags, ctools.find_tool("gcc", "cc", package="gcc"))
        self.ffi = cffi.FFI()
        self.ffi.cdef(DECLARATIONS)
        self.lib: Any = self.ffi.dlopen(str(path))
        self._words = self.ffi.new(f"uint32_t[{WORDS}]")
        self._view = self.ffi.buffer(self._words)
        self._frame = self.ffi.new("const uint8_t **")

    def begin(self, setup: bytes) -> None:
        """A new session."""
        code = self.lib.twin_begin(setup, len(setup))
        assert code == 0, f"twin_begin: {code}"

    def step(self, step: bytes) -> int:
        """Take a step."""
        return int(self.lib.twin_step(step, len(step)))

    def snapshot(self) -> bytes:
        """All words, little-endian."""
        return bytes(self._view[: 4 * self.lib.twin_snapshot(self._words)])

    def frame(self) -> bytes:
        """The sealed frame of the last step."""
        count = self.lib.twin_frame(self._frame)
        assert count > 0, f"the frame cannot be sealed: {count}"
        return bytes(self.ffi.buffer(self._frame[0], count))
