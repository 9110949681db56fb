"""flight.h is the C core's manual: everything in it is explained, and every example compiles."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.core import header

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "csrc" / "include"
# flight.h and the parts of it that stand in files of their own. flight_spec.h is generated; what is not for callers says so.
PARTS = [path for path in sorted(INCLUDE.glob("*.h")) if path.name not in {"flight.h", "flight_spec.h"}]
TEXTS = [path.read_text(encoding="utf-8") for path in (INCLUDE / "flight.h", *PARTS)]
TEXT = "\n".join(text for text in TEXTS if "not for callers" not in text.partition("*/")[0].lower())

# What the examples take for granted: the program round them. A new example uses these names or declares its own.
STAND_INS = """
#include <stdio.h>
#include "flight.h"

extern uint8_t buffer[640];
extern uint8_t out[4096];
extern uint8_t header[16], beat[8], head[16];
extern uint8_t body[64];
extern const uint8_t *data;
extern size_t bytes, data_bytes, left;
extern flight_resume resume;
extern uint8_t sector[FLIGHT_RESUME_BYTES], sectors[2 * FLIGHT_RESUME_BYTES];
void begin_anew(void);
extern uint32_t total_bytes, used_bytes, fragmentation;
void drop_what_can_be_spared(void);
extern uint32_t body_bytes, now_ms, packed_ms, silent_ms, already_stored, dropped;
extern uint16_t held;
extern uint8_t layout;
extern const uint8_t *text;
extern size_t text_bytes;
extern uint8_t scratch[64];
extern uint16_t messages;
extern uint32_t peer_limit_bytes;
extern int code;
extern flight_ring ring;
extern flight_stream stream;
extern flight_frame frame, whole;
extern flight_batch batch;
extern flight_delta delta;
extern flight_record record;
extern flight_reassembly reassembly;
extern flight_frame_time measured;
extern flight_event event;
extern flight_store store;
extern uint32_t memory[1024];
extern size_t room;
extern uint32_t seq;
extern uint32_t random, lost_events;
extern int reply_was_full;
extern flight_profile profile;
extern flight_identity identity;
extern flight_prover prover;
extern flight_session session;
uint8_t policy_of(uint16_t channel);
extern flight_client *client;
extern flight_config config;
extern flight_port port;
extern int frame_number, us, level;
extern uint32_t now_us, last_us, pc, registers[16];
extern const char *name, *format;
extern va_list list;
struct thing { int any; };
extern struct thing player, textures;
void on_command(void *user, const flight_message *message);
int on_task(void *user, const flight_task *task);
extern const flight_task *task;
extern int32_t score;
void restart_level(void);
void on_pressure(void *user, int pressure, const flight_memory_update *update);
void wait_for_vblank(void);

void split_it(void);
void send_now(void);
void fill(uint8_t *bytes, size_t count);
int socket_error(void);
void sleep_ms(uint32_t ms);
void open_http(void);
void try_it(uint8_t transport);
int own(int, ...);
#define handle(...) own(0, __VA_ARGS__)
#define refuse(...) own(0, __VA_ARGS__)
#define seal(...) own(0, __VA_ARGS__)
#define send(...) own(0, __VA_ARGS__)
#define show(...) own(0, __VA_ARGS__)
#define send_as_it_is(...) own(0, __VA_ARGS__)
"""


def test_everything_public_is_explained() -> None:
    assert header.problems(TEXT) == []


def test_every_call_is_seen_by_this_check() -> None:
    # Counted another way: every name in front of a parenthesis in a line that begins like a declaration.
    begins = re.findall(r"^(?:static inline )?(?:const )?\w+ \*?(flight_\w+)\(", TEXT, re.MULTILINE)
    assert {call.name for call in header.calls(TEXT)} == set(begins)
    assert len(begins) > 25


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_every_example_compiles(compiler: str, tmp_path: Path) -> None:
    path = shutil.which(compiler)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{compiler} is not installed: on Debian `apt install {compiler}`")
        pytest.skip(f"{compiler} is not installed")
    examples = [call for call in header.calls(TEXT) if call.example]
    functions = [
        f"int example_of_{call.name}(void);\nint example_of_{call.name}(void)\n{{\n{call.example}\n    return 0;\n}}\n"
        for call in examples
    ]
    (tmp_path / "examples.c").write_text(STAND_INS + "\n".join(functions), encoding="utf-8")
    quiet = ["-Wno-unused-variable", "-Wno-unused-but-set-variable", "-Wno-maybe-uninitialized"]
    quiet += ["-Wno-unknown-warning-option"] if compiler == "clang" else []
    flags = ["-std=c99", "-O1", "-pedantic", "-Wall", "-Wextra", *quiet, "-Werror", f"-I{INCLUDE}", "-c"]
    done = subprocess.run([path, *flags, "examples.c"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


GOOD = """/* Takes the oldest event of a ring away. Consumer. Errors: EMPTY.
 *
 *     flight_ring_drop(&ring, 5);
 */
int flight_ring_drop(flight_ring *ring, uint32_t wait_ms);
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("", "", None),
        (GOOD.partition("int")[0], "", "no comment"),
        ("flight_ring_drop(&ring, 5);", "drop(&ring);", "no example"),
        (" *     flight_ring_drop(&ring, 5);\n", " * The example stands at flight_ring_count.\n", "no example"),
        (" Errors: EMPTY.", "", "errors"),
        ("Errors: EMPTY", "Errors: EMPTY, HUNGRY", "HUNGRY"),
        (" Consumer.", "", "thread"),
        ("uint32_t wait_ms", "uint32_t wait", "wait has no unit"),
        ("uint32_t wait_ms", "void **event", "pointers"),
    ],
)
def test_what_is_missing_is_found(old: str, new: str, problem: str | None) -> None:
    assert old in GOOD
    mark = "/* ---- self-test "
    assert mark in TEXT
    found = header.problems(TEXT.replace(mark, GOOD.replace(old, new, 1) + "\n" + mark, 1))
    if problem is None:
        assert found == []
    else:
        assert [line for line in found if line.startswith("flight_ring_drop: ") and problem in line], found


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (" * Threads ", " * Strings ", "Threads"),
        ("/* More: 1. */\n#define", "#define", "FLIGHT_MORE: no comment"),
        ("int32_t gain;  /* in 1/256 */", "int32_t gain;", "gain; has no comment"),
        ("FLIGHT_HOW_ONE, /* one */", "FLIGHT_HOW_ONE,", "FLIGHT_HOW_ONE, has no comment"),
        ("/* How. */\ntypedef", "typedef", "flight_how: no comment"),
    ],
)
def test_types_macros_and_the_top_are_looked_at_too(old: str, new: str, problem: str) -> None:
    more = "/* More: 1. */\n#define FLIGHT_MORE 1\n\n/* How. */\ntypedef enum flight_how {\n    FLIGHT_HOW_ONE, /* one */\n"
    more += "} flight_how;\n\n/* What. */\ntypedef struct flight_what {\n    int32_t gain;  /* in 1/256 */\n} flight_what;\n\n"
    mark = "/* ---- self-test "
    text = TEXT.replace(mark, more + mark, 1)
    assert header.problems(text) == []
    assert old in text
    assert [line for line in header.problems(text.replace(old, new, 1)) if problem in line]
