"""Write and check the recipes with which the package trees of the consoles build the C client.

The templates stand in csrc/packaging; version and origin are put in here, so that each of them is said once: the version in
flight.h, the origin where the sources really are. The project has no published home yet, so no address is written down
anywhere: a recipe names a place to fetch from and must never name a wrong one.

    python -m build_scripts.check_packaging                                       check the templates
    python -m build_scripts.check_packaging --write build/recipes --here          for this machine: they fetch from this clone
    python -m build_scripts.check_packaging --write build/recipes                 to hand in: from where this was cloned, by https
    python -m build_scripts.check_packaging --write build/recipes --origin URL    to hand in: from another place

All of them fetch the tag of the version, v0.1.0 for 0.1.0.

What is checked are the fields that the trees ask for: kos-ports (53 ports looked at), the rules of psp-packages for
contributions, vitasdk's packages.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"
EXAMPLE_ORIGIN = "https://git.example.org/flight-realtime.git"
TEMPLATES = {
    "kos-ports/flight/Makefile": "kos-ports/Makefile.in",
    "kos-ports/flight/files/KOSMakefile.mk": "kos-ports/files/KOSMakefile.mk",
    "kos-ports/flight/pkg-descr": "kos-ports/pkg-descr",
    "psp-packages/flight-realtime/PSPBUILD": "psp/PSPBUILD.in",
    "vita-packages/flight-realtime/VITABUILD": "vita/VITABUILD.in",
}
KOS_FIELDS = ["PORTNAME", "PORTVERSION", "MAINTAINER", "LICENSE", "SHORT_DESC", "DEPENDENCIES", "TARGET"]
PSP_FIELDS = ["pkgname", "pkgver", "pkgrel", "pkgdesc", "arch", "url", "license", "groups"]
PSP_FIELDS += ["depends", "makedepends", "optdepends", "source", "sha256sums"]
VITA_FIELDS = ["pkgname", "pkgver", "pkgrel", "url", "source", "sha256sums"]
MAY_BE_EMPTY = {"DEPENDENCIES", "depends", "makedepends", "optdepends"}
SPDX = {"MIT", "Zlib", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "0BSD"}


def version(csrc: Path = CSRC) -> str:
    """The version, from the one place where it stands."""
    match = re.search(
        r"^#define FLIGHT_CORE_VERSION 0x(..)(..)(..)u$", (csrc / "include/flight.h").read_text(), re.MULTILINE
    )
    if match is None:
        raise ValueError("flight.h: no line #define FLIGHT_CORE_VERSION 0x......u")
    return ".".join(str(int(part, 16)) for part in match.groups())


def recipes(origin: str, csrc: Path = CSRC) -> dict[str, str]:
    """Every file of the recipes, by its path in the tree that it is for."""
    words = {"FLIGHT_VERSION": version(csrc), "FLIGHT_ORIGIN": origin}
    made = {}
    for path, template in TEMPLATES.items():
        source = csrc / "packaging" / template
        if not source.is_file():
            continue  # the check says so
        text = source.read_text(encoding="utf-8")
        made[path] = re.sub(r"@(FLIGHT_\w+)@", lambda match: words[match[1]], text)
    return made


@dataclass
class Judge:
    """Collects what is wrong with one file."""

    path: str
    problems: list[str] = field(default_factory=list)

    def want(self, good: object, what: str) -> None:
        """Note what is missing or wrong unless it is good."""
        if not good:
            self.problems.append(f"{self.path}: {what}")


# --- kos-ports ---


def make_variables(text: str) -> dict[str, str]:
    """The variables that a Makefile sets."""
    return {name: value.strip() for name, value in re.findall(r"^(\w+)[ \t]*[:+?]?=[ \t]*(.*)$", text, re.MULTILINE)}


def check_kos_makefile(files: dict[str, str], csrc: Path) -> list[str]:
    """The port's Makefile, field by field."""
    judge = Judge("kos-ports/flight/Makefile")
    text = files.get(judge.path, "")
    have = make_variables(text)
    for name in KOS_FIELDS:
        judge.want(name in have, f"{name} is missing")
        judge.want(have.get(name) or name in MAY_BE_EMPTY, f"{name} is empty")
    judge.want(have.get("PORTVERSION") == version(csrc), f"PORTVERSION is not {version(csrc)}, the version of flight.h")
    if "GIT_REPOSITORY" in have:
        judge.want("GIT_TAG" in have or "GIT_BRANCH" in have, "GIT_REPOSITORY needs GIT_TAG or GIT_BRANCH")
        judge.want(have["GIT_REPOSITORY"].startswith("https://"), "GIT_REPOSITORY is not fetched by https")
        judge.want("kos-ports/flight/distinfo" not in files, "distinfo is for downloads, not for git")
    else:
        judge.want(
            "DOWNLOAD_SITE" in have and "DOWNLOAD_FILES" in have,
            "neither GIT_REPOSITORY nor DOWNLOAD_SITE and DOWNLOAD_FILES",
        )
        judge.want("kos-ports/flight/distinfo" in files, "a download needs distinfo, with SHA256 and SIZE")
    judge.want("INSTALLED_HDRS" in have or "HDR_DIRECTORY" in have, "neither INSTALLED_HDRS nor HDR_DIRECTORY")
    judge.want("REQUIRES_ABI" not in have, "REQUIRES_ABI: there is no floating point, so any ABI fits")
    for pattern in have.get("INSTALLED_HDRS", "").split():
        judge.want(list(csrc.parent.glob(pattern)), f"INSTALLED_HDRS: nothing is called {pattern}")
    for name in ("HDR_DIRECTORY", "EXAMPLES_DIR"):
        judge.want(name not in have or (csrc.parent / have[name]).is_dir(), f"{name}: no folder {have.get(name)}")
    for name in have.get("KOS_DISTFILES", "").split():
        judge.want(f"kos-ports/flight/files/{name}" in files, f"KOS_DISTFILES: there is no files/{name}")
    last = text.rstrip().rpartition("\n")[2]
    judge.want(last == "include ${KOS_PORTS}/scripts/kos-ports.mk", "the last line does not include kos-ports.mk")
    return judge.problems


def check_kos_build(files: dict[str, str], csrc: Path) -> list[str]:
    """KOSMakefile.mk and pkg-descr."""
    judge = Judge("kos-ports/flight/files/KOSMakefile.mk")
    text = files.get(judge.path, "")
    have = make_variables(text)
    port = make_variables(files.get("kos-ports/flight/Makefile", ""))
    judge.want(have.get("OBJS"), "OBJS is missing")
    judge.want(have.get("TARGET") == port.get("TARGET", "?"), "TARGET is not that of the Makefile")
    judge.want("include ${KOS_PORTS}/scripts/lib.mk" in text, "lib.mk is not included")
    for name in re.findall(r"csrc/[\w/]+\.o", have.get("OBJS", "")):
        judge.want((csrc.parent / name).with_suffix(".c").is_file(), f"OBJS: {name} has no source")
    words = Judge("kos-ports/flight/pkg-descr")
    paragraph = files.get(words.path, "").partition("\n\n")[0]
    words.want(len(paragraph) > 80, "the first paragraph does not say what it is")
    words.want(all(len(line) <= 80 for line in paragraph.splitlines()), "a line is longer than 80")
    return judge.problems + words.problems


# --- psp-packages and vitasdk ---


def bash_variables(text: str, names: list[str]) -> dict[str, list[str]]:
    """What a recipe in bash sets; arrays and plain variables alike, as lists. What it does not set is not there."""
    ask = "".join(
        f'[ -v {name} ] || declare -p {name} &>/dev/null && printf "%s\\0" {name} "${{{name}[@]}}" ""\n'
        for name in names
    )
    done = subprocess.run(
        ["bash", "-e", "-c", f"{text}\nset +e\n{ask}\ntrue"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ValueError(f"it is no bash: {done.stderr.strip()}")
    found: dict[str, list[str]] = {}
    words = done.stdout.split("\0")
    while words and words[0] in names:
        name = words.pop(0)
        end = words.index("")
        found[name], words = words[:end], words[end + 1 :]
    return found


def functions(text: str) -> dict[str, str]:
    """The functions of a recipe, with their bodies."""
    return dict(re.findall(r"^(\w+) ?\(\) ?\{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL))


def check_recipe(judge: Judge, text: str, fields: list[str], csrc: Path) -> dict[str, list[str]]:
    """What PSPBUILD and VITABUILD have in common."""
    try:
        have = bash_variables(text, sorted({*PSP_FIELDS, *fields}))
    except ValueError as error:
        judge.want(False, str(error))
        return {}
    for name in fields:
        judge.want(name in have, f"{name} is missing")
        judge.want("".join(have.get(name, ["?"])) or name in MAY_BE_EMPTY, f"{name} is empty")
    judge.want(have.get("pkgver") == [version(csrc)], f"pkgver is not {version(csrc)}, the version of flight.h")
    judge.want(re.fullmatch(r"[a-z0-9-]+", "".join(have.get("pkgname", []))), "pkgname: lower case, digits and - only")
    sources, sums = have.get("source", []), have.get("sha256sums", [])
    judge.want(len(sources) == len(sums), "sha256sums has not one entry for each source")
    for source, total in zip(sources, sums, strict=False):
        is_git = "git+" in source
        judge.want(
            not is_git or re.search(r"#(tag|commit)=.+", source), f"source {source}: git needs a tag or a commit"
        )
        judge.want(
            (is_git and total == "SKIP") or re.fullmatch(r"[0-9a-f]{64}", total), f"sha256sums: {total} for {source}"
        )
    return have


def check_pspbuild(files: dict[str, str], csrc: Path) -> list[str]:
    """PSPBUILD, by the rules for contributions of psp-packages."""
    judge = Judge("psp-packages/flight-realtime/PSPBUILD")
    text = files.get(judge.path, "")
    have = check_recipe(judge, text, PSP_FIELDS, csrc)
    judge.want(have.get("arch") == ["any"], "arch is not (any)")
    judge.want(have.get("groups") == ["psp-libraries"], "groups is not (psp-libraries)")
    judge.want(
        set(have.get("license", [])) <= SPDX, f"license {have.get('license')} is no SPDX identifier that is known here"
    )
    parts = functions(text)
    for name in ("prepare", "build", "package"):
        judge.want(name in parts, f"there is no function {name}")
    build = parts.get("build", "")
    for word in (
        "-DCMAKE_TOOLCHAIN_FILE=$PSPDEV/psp/share/pspdev.cmake",
        "-DCMAKE_INSTALL_PREFIX=${pkgdir}/psp",
        "-DBUILD_SHARED_LIBS=OFF",
        "-DCMAKE_BUILD_TYPE=Release",
        '"${XTRA_OPTS[@]}"',
        "-DFLIGHT_PC_PREFIX='${PSPDEV}/psp'",  # reviewers refuse a full path in flight.pc
    ):
        judge.want(word in build, f"build() does not say {word}")
    judge.want("psp/share/licenses/$pkgname" in parts.get("package", ""), "package() does not install the licence")
    return judge.problems


def check_vitabuild(files: dict[str, str], csrc: Path) -> list[str]:
    """VITABUILD."""
    judge = Judge("vita-packages/flight-realtime/VITABUILD")
    text = files.get(judge.path, "")
    check_recipe(judge, text, VITA_FIELDS, csrc)
    parts = functions(text)
    for name in ("build", "package"):
        judge.want(name in parts, f"there is no function {name}")
    for word in ("-DCMAKE_TOOLCHAIN_FILE=$VITASDK/share/vita.toolchain.cmake", "-DCMAKE_INSTALL_PREFIX=$prefix"):
        judge.want(word in parts.get("build", ""), f"build() does not say {word}")
    judge.want("make DESTDIR=$pkgdir install" in parts.get("package", ""), "package() does not install to $pkgdir")
    return judge.problems


# --- what all three build with ---


def check_cmake(csrc: Path) -> list[str]:
    """CMakeLists.txt asks for nothing that a console's toolchain file does not have."""
    judge = Judge("csrc/CMakeLists.txt")
    text = (csrc / "CMakeLists.txt").read_text(encoding="utf-8")
    least = re.search(r"cmake_minimum_required\(VERSION (\d+)\.(\d+)\)", text)
    judge.want(least and (int(least[1]), int(least[2])) <= (3, 13), "it needs a newer CMake than 3.13")
    judge.want("LANGUAGES C)" in text, "project() is not C alone")
    for word in ("PLATFORM_DREAMCAST", "dreamcast", "PSP", "VITA", "UNIX"):
        judge.want(re.search(rf"\b{word}\b", text), f"no port is chosen by {word}")
    for word in ("try_run", "check_c_source", "-fPIC", "POSITION_INDEPENDENT", "-Werror"):
        judge.want(word not in text, f"{word} does not work everywhere")
    judge.want(text.count("ARCHIVE DESTINATION") >= 2, "the libraries are not installed as archives")
    for port in ("kos", "psp", "vita", "posix"):
        judge.want((csrc / "ports" / f"flight_port_{port}.c").is_file(), f"there is no ports/flight_port_{port}.c")
    return judge.problems


def check_pkg_config(csrc: Path) -> list[str]:
    """flight.pc has its fields, and no path of the machine that made it."""
    judge = Judge("csrc/packaging/flight.pc.in")
    text = (csrc / "packaging" / "flight.pc.in").read_text(encoding="utf-8")
    for name in ("Name", "Description", "Version", "Libs", "Cflags"):
        judge.want(re.search(rf"^{name}: \S", text, re.MULTILINE), f"{name} is missing")
    judge.want(text.startswith("prefix=@FLIGHT_PC_PREFIX@\n"), "prefix is not the one that packages can choose")
    judge.want("Version: @FLIGHT_VERSION@\n" in text, "Version is not that of flight.h")
    return judge.problems


def problems(files: dict[str, str], csrc: Path = CSRC) -> list[str]:
    """All that is wrong; nothing where all is well."""
    found = [f"{path}: the file is missing" for path in TEMPLATES if path not in files]
    for check in (check_kos_makefile, check_kos_build, check_pspbuild, check_vitabuild):
        found += check(files, csrc)
    return found + check_cmake(csrc) + check_pkg_config(csrc)


# --- where the sources are ---


def git(*words: str) -> str:
    """What git says of this clone; nothing where it cannot."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def origin_of(remote: str) -> str:
    """The place that recipes can name, from the remote of a clone. Raises ValueError, which says what to do instead."""
    else_ = "say --origin URL, or --here for recipes that fetch from this clone, on this machine only"
    if not remote:
        raise ValueError(f"this clone has no remote `origin`, and the project no published home yet: {else_}")
    if not re.fullmatch(r"https://[^@\s]+", remote):
        # Not shown: an address with a name in it may have a password too.
        raise ValueError(
            f"the remote `origin` of this clone is no plain https address that others can fetch from: {else_}"
        )
    return remote


def write(files: dict[str, str], folder: Path) -> None:
    """Put the recipes into a folder, and say what else they need."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8", newline="\n")
    tag = f"v{version()}"
    if not git("tag", "--list", tag):
        print(
            f"They fetch the tag {tag}, which this clone does not have: `git tag {tag}`, and push it to where they fetch from."
        )


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--write", type=Path, metavar="FOLDER", help="write the recipes there, one tree beside the other"
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--origin", metavar="URL", help="where the sources can be cloned from, by https")
    place.add_argument("--here", action="store_true", help="they are cloned from this folder: not for handing in")
    options = parser.parse_args(arguments)
    origin = options.origin or EXAMPLE_ORIGIN
    if options.write and not options.origin and not options.here:
        try:
            origin = origin_of(git("remote", "get-url", "origin"))
        except ValueError as error:
            parser.error(str(error))
    found = problems(recipes(origin))
    for problem in found:
        print(f"check-packaging: {problem}", file=sys.stderr)
    if found:
        return 1
    if options.write:
        write(recipes(ROOT.as_uri() if options.here else origin), options.write)
    print(f"check-packaging: kos-ports, psp-packages and vitasdk recipes of version {version()} have every field")
    return 0


if __name__ == "__main__":
    sys.exit(main())
