"""Write the C core as two files, flight.h and flight.c, for programs that copy them into their own tree.

`python build_scripts/amalgamate.py` writes them to build/amalgamation/, with the port files of csrc/ports beside them as they
are, of which a program takes one; `--output FOLDER` elsewhere. The same sources give
the same bytes: no date, no path of this machine. Every header of the project is put where it is first included; what is
private to one source gets the source's name in front (`seal` of flight_frame.c becomes `flight_frame_c_seal`), and
functions that only the core itself calls become static, so that exactly the calls of flight.h are visible to a linker.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "build" / "amalgamation"

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)".*$')
OPENS = re.compile(r"^[ \t]*#[ \t]*if(n?def)?\b")
CLOSES = re.compile(r"^[ \t]*#[ \t]*endif\b")
GUARD = re.compile(r"#ifndef (\w+)\n#define \1$", re.MULTILINE)
DEFINE = re.compile(r"#[ \t]*define[ \t]+(\w+)")
VERSION = re.compile(r"^#define FLIGHT_CORE_VERSION 0x([0-9a-fA-F]{6})u$", re.MULTILINE)
TOKEN = re.compile(
    r"(?P<directive>(?<![^\n])[ \t]*#(?:/\*.*?\*/|\\\n|[^\n])*)"  # to the end of its line, comments included
    r"|(?P<space>[^\S\n]+|\n|/\*.*?\*/|//[^\n]*)"
    r"|(?P<text>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<other>\d[\w.]*|->|.)",
    re.DOTALL,
)
PREFIXED = re.compile(r"(flight|FLIGHT)_")

UNUSED = "FLIGHT_MAYBE_UNUSED"


class AmalgamationError(Exception):
    """The sources cannot be made into two files; the text says where and why."""


class Token(NamedTuple):
    """A piece of C: its kind (a group of TOKEN), its text and where it starts."""

    kind: str
    text: str
    start: int


@dataclass
class Scope:
    """What a file declares at file scope."""

    functions: dict[str, list[int]] = field(default_factory=dict)  # external ones: where each declaration starts
    statics: dict[str, list[int]] = field(default_factory=dict)  # static functions, the same
    names: set[str] = field(default_factory=set)  # every name, macros included, but for external functions


def tokens(text: str) -> Iterator[Token]:
    """Every token of a text; joined, they are the text again."""
    for match in TOKEN.finditer(text):
        yield Token(match.lastgroup or "other", match.group(), match.start())


def statements(text: str) -> Iterator[list[Token]]:
    """The declarations and definitions at file scope. A function's body is left out, other braces are kept."""
    found: list[Token] = []
    depth = 0
    body = False  # inside a function
    for token in tokens(text):
        if token.kind in {"space", "directive"}:
            continue
        if depth == 0 and token.text == "{":
            if [t.text for t in found] == ["extern", '"C"']:
                found = []  # what stands inside is at file scope all the same
                continue
            plain = [t.text for t in without_attributes(found)]
            body = "(" in plain and "=" not in plain and plain[0] != "typedef"
        if token.text == "{":
            depth += 1
        if not body:
            found.append(token)
        if token.text == "}":
            if depth == 0:
                found = []  # the end of extern "C"
                continue
            depth -= 1
        if depth == 0 and (token.text == ";" or (body and token.text == "}")):
            if found and found[0].text != ";":
                yield found
            found, body = [], False
    if depth != 0 or found:
        raise AmalgamationError("the braces do not close: are they opened in one #if and closed in another?")


def without_attributes(statement: list[Token]) -> list[Token]:
    """The statement without __attribute__((...)), whose parentheses are not those of a function."""
    kept: list[Token] = []
    depth = -1
    for token in statement:
        if token.text == "__attribute__":
            depth = 0
        elif depth >= 0:
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth == 0:
                depth = -1
        else:
            kept.append(token)
    return kept


def scope_of(text: str, static_words: set[str]) -> Scope:
    """What a file declares. static_words: `static` and the macros that stand for it."""
    scope = Scope()
    for token in tokens(text):
        if token.kind == "directive" and (match := DEFINE.search(token.text)):
            scope.names.add(match[1])
    for statement in statements(text):
        plain = without_attributes(statement)
        words = [token.text for token in plain]
        is_static = bool(static_words.intersection(words))
        scope.names.update(tags_and_constants(plain))
        if words[0] == "typedef":
            # Of a struct with pointers to functions inside it is the name behind the braces.
            pointer = None if "{" in words else re.search(r"\( \* (\w+) \)", " ".join(words))
            scope.names.add(pointer[1] if pointer else [t.text for t in plain if t.kind == "name"][-1])
            continue
        ends = [words.index(word) for word in ("(", "[", "=", "{", ";") if word in words]
        end = min(ends, default=len(words))
        names = [token.text for token in plain[:end] if token.kind == "name"]
        if not names or (
            words[0] in {"struct", "enum", "union"} and words[-1] == ";" and words[end : end + 1] == ["{"]
        ):
            continue
        if words[end : end + 1] == ["("]:
            kind = scope.statics if is_static else scope.functions
            kind.setdefault(names[-1], []).append(statement[0].start)
        if is_static:
            scope.names.add(names[-1])
    return scope


def tags_and_constants(plain: list[Token]) -> Iterator[str]:
    """The tags and enumeration constants that a statement defines."""
    words = [token.text for token in plain]
    for index, word in enumerate(words):
        if word in {"struct", "enum", "union"} and words[index + 2 : index + 3] == ["{"]:
            yield words[index + 1]
        if word == "enum" and "{" in words[index : index + 3]:
            start = words.index("{", index)
            inside = words[start : words.index("}", start)]
            yield from (name for before, name in itertools.pairwise(inside) if before in {"{", ","})


def rename(text: str, names: dict[str, str]) -> str:
    """The text with other names, but for members (behind . and ->), comments, strings and headers in <>."""
    out = []
    before = ""
    for token in tokens(text):
        if token.kind == "directive" and not re.match(r"[ \t]*#[ \t]*include", token.text):
            hash_at = token.text.index("#") + 1
            out.append(token.text[:hash_at] + rename(token.text[hash_at:], names))
        elif token.kind == "name" and before not in {".", "->"}:
            out.append(names.get(token.text, token.text))
        else:
            out.append(token.text)
        if token.kind != "space":
            before = token.text
    return "".join(out)


def insert(text: str, places: dict[int, str]) -> str:
    """The text with words put in at places."""
    for place in sorted(places, reverse=True):
        text = text[:place] + places[place] + text[place:]
    return text


class Amalgamation:
    """The sources below a folder `csrc`, read once, and the two files made of them."""

    def __init__(self, csrc: Path, licence: Path) -> None:
        """Read all that belongs to the core: include/*.h, src/*.h, src/*.c."""
        self.headers = {path.name: read(path) for path in sorted([*csrc.glob("include/*.h"), *csrc.glob("src/*.h")])}
        self.sources = {path.name: read(path) for path in sorted(csrc.glob("src/*.c"))}
        self.licence = read(licence).strip()
        if "flight.h" not in self.headers or not self.sources:
            raise AmalgamationError(f"{csrc.name}: there is no include/flight.h or no src/*.c")
        match = VERSION.search(self.headers["flight.h"])
        if match is None:
            raise AmalgamationError("flight.h: no line `#define FLIGHT_CORE_VERSION 0x......u`")
        number = int(match[1], 16)
        self.version = f"{number >> 16}.{number >> 8 & 255}.{number & 255}"
        self.sha256 = self._hash()
        self._included: set[str] = set()
        everything = "\n".join([*self.headers.values(), *self.sources.values()])
        defines = [token.text for token in tokens(everything) if token.kind == "directive"]
        macros = (re.match(r"[ \t]*#[ \t]*define[ \t]+(\w+)\b[^\n]*\bstatic\b", text) for text in defines)
        self._static_words = {"static", *(match[1] for match in macros if match)}
        self._all_names = {token.text for token in tokens(everything) if token.kind == "name"}
        self.header = self._make_header()
        scope = scope_of(self.header, self._static_words)
        strangers = sorted(name for name in scope.names | set(scope.functions) if not PREFIXED.match(name))
        if strangers:
            raise AmalgamationError(
                f"flight.h: public names without the prefix flight_ or FLIGHT_: {', '.join(strangers)}"
            )
        self.public = set(scope.functions)
        private = {name: text for name, text in self.headers.items() if name not in self._included}
        self._shared: dict[str, str] = {}  # names that several sources have from a private header
        for name, text in private.items():
            self._shared.update(self._new_names(name, scope_of(text, self._static_words)))
        self.source = self._make_source()

    def _hash(self) -> str:
        """SHA-256 over names and contents in the order of their names."""
        total = hashlib.sha256()
        for name, text in sorted({**self.headers, **self.sources}.items()):
            data = text.encode()
            total.update(f"{name}\0{len(data)}\0".encode() + data)
        return total.hexdigest()

    def _banner(self, name: str, purpose: str) -> str:
        licence = "\n".join(f" * {line}".rstrip() for line in self.licence.splitlines())
        return (
            f"/* {name}: the Flight Realtime C core {self.version}, {purpose}\n"
            f" * Written by build_scripts/amalgamate.py; change the sources, not this file.\n"
            f" * SHA-256 of the sources: {self.sha256}\n"
            f" *\n{licence}\n */\n"
        )

    def _inline(self, name: str, text: str) -> str:
        """The text with the project's own headers in place of their includes, each once."""
        out = []
        depth = -1 if name in self.headers and guard_end(text) else 0  # the guard round a header is no condition
        for line in text.splitlines(keepends=True):
            depth += bool(OPENS.match(line)) - bool(CLOSES.match(line))
            match = INCLUDE.match(line.rstrip("\n"))
            if match is None:
                out.append(line)
                continue
            wanted = match[1].rpartition("/")[2]
            if wanted not in self.headers:
                raise AmalgamationError(f'{name}: #include "{match[1]}" is no header of the core')
            if wanted in self._included:
                continue
            # Under a condition, or without a guard, it may be needed once more; a guard makes that harmless.
            if depth == 0 and guard_end(self.headers[wanted]):
                self._included.add(wanted)
            out.append(f"/* ---- {wanted} ---- */\n{self._inline(wanted, self._private(wanted))}")
        return "".join(out)

    def _private(self, name: str) -> str:
        """A header's text; what a private one declares becomes static."""
        text = self.headers[name]
        if not hasattr(self, "public"):
            return text  # still making flight.h, where nothing is private
        return rename(insert(text, self._local(scope_of(text, self._static_words))), self._shared)

    def _local(self, scope: Scope) -> dict[int, str]:
        """Where `static` belongs in front of functions that flight.h does not name, and `unused` before static ones."""
        places = {}
        for starts in scope.statics.values():
            places.update(dict.fromkeys(starts, f"{UNUSED} "))
        for name, starts in scope.functions.items():
            if name not in self.public:
                places.update(dict.fromkeys(starts, f"{UNUSED} static "))
        return places

    def _make_header(self) -> str:
        self._included = {"flight.h"}
        body = self._inline("flight.h", self.headers["flight.h"])
        end = guard_end(body)
        if end == 0:
            raise AmalgamationError("flight.h: no include guard of two lines, #ifndef NAME and #define NAME")
        stamp = (
            "\n\n/* The sources that these two files were made of. The tag is the first 32 bits, for the preprocessor. */\n"
            f'#define FLIGHT_SOURCE_SHA256 "{self.sha256}"\n#define FLIGHT_SOURCE_TAG 0x{self.sha256[:8]}u'
        )
        body = body[:end] + stamp + body[end:]
        return self._banner("flight.h", "to be used with flight.c") + body

    def _make_source(self) -> str:
        out = [
            self._banner("flight.c", "all of it; compile this one file and include flight.h"),
            '#include "flight.h"\n\n',
            (
                f"#if !defined(FLIGHT_SOURCE_TAG) || FLIGHT_SOURCE_TAG != 0x{self.sha256[:8]}u\n"
                '#error "flight.h and flight.c are not of the same version: copy both again"\n#endif\n\n'
                f"#if defined(__GNUC__)\n#define {UNUSED} __attribute__((unused))\n#else\n#define {UNUSED}\n#endif\n"
            ),
        ]
        for name, text in self.sources.items():
            scope = scope_of(text, self._static_words)
            marked = insert(text, {place: words for place, words in self._local(scope).items() if "static" in words})
            own = self._new_names(name, scope)
            # A function that a private header declares has that header's name wherever it is defined.
            shared = {name: self._shared[name] for name in scope.functions if name in self._shared}
            renamed = rename(marked, {**self._shared, **own, **shared})
            out.append(f"\n/* ---- {name} ---- */\n{self._inline(name, renamed)}")
        return "".join(out)

    def _new_names(self, source: str, scope: Scope) -> dict[str, str]:
        """What a file's own names become; those with the prefix stay."""
        stem = source.replace(".", "_")
        if not stem.startswith("flight_"):
            stem = f"flight_{stem}"
        made = {}
        for name in sorted({*scope.names, *scope.functions}):
            if not PREFIXED.match(name):
                made[name] = f"{stem.upper()}_{name}" if name.isupper() else f"{stem}_{name}"
        taken = sorted(set(made.values()) & self._all_names)
        if taken:
            raise AmalgamationError(f"{source}: the name {taken[0]} is needed for the amalgamation; call it otherwise")
        return made

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Put the two files into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = folder / "flight.h", folder / "flight.c"
        for path, text in zip(paths, (self.header, self.source), strict=True):
            path.write_text(text, encoding="utf-8", newline="\n")
        return paths


def copy_ports(folder: Path, root: Path = ROOT) -> list[Path]:
    """Put the port files of the machines beside the two files. The simulated console is for tests only."""
    ports = [path for path in sorted((root / "csrc" / "ports").glob("flight_port_*.c")) if "_sim" not in path.name]
    for path in ports:
        (folder / path.name).write_text(read(path), encoding="utf-8", newline="\n")
    return ports


def guard_end(text: str) -> int:
    """Where the include guard of a header has begun: behind its two lines, the first directives. 0 for none."""
    first = next((token.start for token in tokens(text) if token.kind == "directive"), 0)
    match = GUARD.match(text, first)
    return match.end() if match else 0


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def amalgamate(output: Path = OUTPUT, root: Path = ROOT) -> Amalgamation:
    """Write flight.h and flight.c of the tree at root into a folder."""
    made = Amalgamation(root / "csrc", root / "LICENSE")
    made.write(output)
    return made


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the C core as flight.h and flight.c.")
    parser.add_argument(
        "--output", type=Path, default=OUTPUT, help="the folder to write to (default: build/amalgamation)"
    )
    arguments = parser.parse_args(argv)
    try:
        made = amalgamate(arguments.output)
        ports = copy_ports(arguments.output)
    except AmalgamationError as error:
        parser.exit(1, f"amalgamate: {error}\n")
    for name, text in (("flight.h", made.header), ("flight.c", made.source)):
        print(f"{name}: {len(text.encode()):,} bytes, {len(text.splitlines()):,} lines")
    print(f"and one of: {', '.join(path.name for path in ports)}")
    print(f"version {made.version}, sources {made.sha256[:16]}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
