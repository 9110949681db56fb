"""What a public header owes its reader, as a check: a comment at everything, with errors, lifetimes, threads and units."""

import re
from dataclasses import dataclass

COMMENT = r"(?:^/\*(?P<comment>(?:(?!\*/).)*)\*/\n)?"
FUNCTION = re.compile(
    COMMENT + r"^(?P<type>(?:static inline )?(?:const )?\w+ \**)(?P<name>flight_\w+)\((?P<parameters>[^;{}]*?)\);$",
    re.MULTILINE | re.DOTALL,
)
TYPEDEF = re.compile(
    COMMENT + r"^typedef (?P<kind>struct|enum) \w+ \{\n(?P<body>[^}]*)\} (?P<name>\w+);$", re.MULTILINE | re.DOTALL
)
MACRO = re.compile(COMMENT + r"^#define (?P<name>FLIGHT_\w+)(?P<rest>[^\n]*)$", re.MULTILINE | re.DOTALL)
EXAMPLE_ELSEWHERE = re.compile(r"The example stands at (flight_\w+)")

TOP = ("Language", "Memory", "Units", "Errors", "Threads", "Wire")
UNITS = ("_ms", "_us", "_bytes", "_events", "_slots", "_words", "_frames", "_flags")
# What has no unit: names, numbers of a kind, whole words that are their unit, and capacity, which the top explains.
UNITLESS = {"capacity", "bytes", "slots", "layout", "channel", "flags", "type", "seq", "ack", "code", "age"}
LIFETIME = re.compile(r"\b(valid|until|before the commit|points? into|static text|points to)\b", re.IGNORECASE)
INTEGER = re.compile(r"^(?:const )?(?:u?int\d+_t|size_t|int|unsigned) (\w+)$")


@dataclass(frozen=True)
class Call:
    """A function of the header."""

    name: str
    type: str
    parameters: list[str]
    comment: str

    @property
    def example(self) -> str:
        """The code in its comment: what is indented by five or more behind the star."""
        lines = [line[3:] for line in self.comment.splitlines() if line.startswith(" *     ")]
        return "\n".join(lines)

    @property
    def words(self) -> str:
        """Its comment without the code, on one line."""
        lines = [line.lstrip(" *") for line in self.comment.splitlines() if not line.startswith(" *     ")]
        return " ".join(" ".join(lines).split())


def calls(text: str) -> list[Call]:
    return [
        Call(
            found["name"],
            found["type"].replace("static inline ", "").strip(),
            []
            if found["parameters"] == "void"
            else [" ".join(part.split()) for part in found["parameters"].split(",")],
            found["comment"] or "",
        )
        for found in FUNCTION.finditer(text)
    ]


def problems(text: str) -> list[str]:
    """What the header owes and does not say, by name."""
    found = [f"the top: nothing about {word}" for word in TOP if not re.search(rf"^ \* {word} ", text, re.MULTILINE)]
    listed = calls(text)
    by_name = {call.name: call for call in listed}
    errors = set(re.findall(r"^    FLIGHT_ERROR_(\w+) =", text, re.MULTILINE))
    structs = {match["name"]: match[0] for match in TYPEDEF.finditer(text)}
    for call in listed:
        if len(call.words) < 20:
            found.append(f"{call.name}: no comment in front of it")
            continue
        found += [f"{call.name}: {problem}" for problem in problems_of(call, by_name, errors, structs)]
    for match in TYPEDEF.finditer(text):
        found += members(match)
    for match in MACRO.finditer(text):
        if match["rest"] and not match["comment"] and "/*" not in match["rest"]:
            found.append(f"{match['name']}: no comment")
    return found


def problems_of(call: Call, by_name: dict[str, Call], errors: set[str], structs: dict[str, str]) -> list[str]:
    found = []
    elsewhere = EXAMPLE_ELSEWHERE.search(call.words)
    shown = by_name[elsewhere[1]].example if elsewhere and elsewhere[1] in by_name else call.example
    if f"{call.name}(" not in shown:
        found.append("no example that calls it")
    if call.type == "int" and call.parameters and "rror" not in call.words:
        found.append("says nothing about errors")
    for sentence in re.findall(r"Errors: (.*)", re.sub(r"\([^)]*\)", "", call.words)):
        named = set(re.findall(r"\b[A-Z][A-Z_]+\b", sentence.partition(".")[0]))
        found += [f"names the error {name}, which there is not" for name in sorted(named - errors)]
    if hands_out_pointers(call, structs) and not LIFETIME.search(call.words + lifetimes(call, structs)):
        found.append("does not say how long its pointers are valid")
    of_a_ring = any("flight_ring *" in parameter for parameter in call.parameters)
    if of_a_ring and not re.search(r"\b(Producer|Consumer|thread)\b", call.words, re.IGNORECASE):
        found.append("does not say which thread may call it")
    for parameter in call.parameters:
        number = INTEGER.match(parameter)
        if number and number[1] not in UNITLESS and not number[1].endswith(UNITS) and number[1] not in call.words:
            found.append(f"{number[1]} has no unit in its name and no word in the comment")
    return found


def written(call: Call) -> list[str]:
    """The structs that a call may write."""
    return [match[1] for parameter in call.parameters if (match := re.match(r"^(flight_\w+) \*", parameter))]


def hands_out_pointers(call: Call, structs: dict[str, str]) -> bool:
    """Whether a caller gets a pointer from it: as the result, through ** or in a struct that is made for reading."""
    if call.type.endswith("*") or any("**" in parameter for parameter in call.parameters):
        return True
    return any(re.search(r"^    const \w+ \*", structs.get(name, ""), re.MULTILINE) for name in written(call))


def lifetimes(call: Call, structs: dict[str, str]) -> str:
    return " ".join(structs.get(name, "") for name in written(call))


def members(match: re.Match[str]) -> list[str]:
    """A type's members: each has its unit in its name or a comment; an enumeration's always a comment."""
    found = [] if match["comment"] else [f"{match['name']}: no comment in front of it"]
    for line in match["body"].splitlines():
        member = re.match(r"^    (?:FLIGHT_\w+|[\w ]+[ *](\w+)(?:\[[^;]*\])*;)", line)
        if member is None or "/*" in line:
            continue
        name = member[1]
        explained = name and re.search(rf"\b{name}\b", match["comment"] or "")
        if name is None or not (explained or name.endswith(UNITS) or name in UNITLESS or name == "events"):
            found.append(f"{match['name']}: {line.strip()} has no comment")
    return found
