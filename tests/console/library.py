"""The console client on a scripted port, as a shared library. One client at a time."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cffi

from build_scripts import ctools

HERE = Path(__file__).resolve().parent
RIG = HERE / "rig"
DECLARATIONS = """
typedef struct rig_script {
    uint32_t link, open_result, ready_result, send_room, dead, recv_room, stores, store_fails, random_result, jump_at, jump_us,
        tick_us;
    uint32_t memory[4];
} rig_script;
typedef struct rig_seen {
    uint32_t opens, closes, is_open, sends, calls, most_calls, bad_sums, stores, sent_closed, port, received, pressure, level,
        readings, broken_memory;
} rig_seen;
typedef struct flight_config {
    const char *host, *token, *device_id, *version;
    uint16_t port, tcp_port;
    uint8_t platform, transport_count;
    const uint8_t *transports;
    uint32_t link_bytes_per_s;
    uint16_t critical_slots, lossy_slots, window_frames, channels, commands, answer_bytes;
    uint32_t frame_interval_ms, frame_budget_us;
    const uint8_t *device_key;
    uint32_t device_key_bytes;
    const void *profile;
} flight_config;
void rig_new_world(void);
rig_script *rig_the_script(void);
rig_seen *rig_what_was_seen(void);
flight_config *rig_config(void);
void rig_text(uint32_t which, const char *text);
void rig_transports(const uint8_t *list, uint32_t count);
int rig_start(uint32_t less);
void *rig_client(void);
int rig_listen(const char *name);
void rig_on_pressure(void);
void rig_pass(uint32_t us);
int rig_poll(uint32_t budget_us);
int rig_poll_stepwise(void);
uint32_t rig_take_sent(const uint8_t **bytes);
void rig_give(const uint8_t *bytes, uint32_t count);
uint32_t rig_unread(void);
uint32_t rig_take_messages(const uint8_t **bytes);
void rig_status(uint32_t *out);
int rig_log(int level, const char *format, int64_t a, int64_t b);
int rig_log_text(int level, const char *format, const char *text);
int rig_log_words(int level, const char *format, uint32_t a, uint32_t b, uint32_t c);
int rig_crash(const char *reason, uint32_t pc, const uint32_t *words, uint32_t count);
int rig_record(uint32_t number, uint8_t *out);
void rig_set_record(uint32_t number, const uint8_t *data, int bytes);
int flight_need(const flight_config *config);
int flight_channel(void *client, const char *name);
int flight_send(void *client, int channel, uint16_t kind, const void *data, size_t bytes, unsigned flags);
int flight_send_event(void *client, int channel, uint8_t layout, const void *body, size_t bytes, unsigned flags);
int flight_memory(void *client);
int flight_frame_took(void *client, uint32_t us);
void flight_close(void *client);
void flight_pause(void *client);
void flight_go_on(void *client);
"""
# What a sanitizer finds ends the process: a shared library in Python has no room for its report.
FLAGS = ["-O1", "-g1", "-fPIC", "-shared", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]


@cache
def library() -> tuple[cffi.FFI, Any]:
    """Build the library, or take the one that the same sources gave before."""
    sources = [
        *ctools.core_sources(),
        *ctools.session_sources(),
        *ctools.console_sources(),
        *sorted(RIG.glob("*.c")),
    ]
    path = ctools.program("librig.so", sources, [*FLAGS, f"-I{RIG}"], ctools.find_tool("gcc", "cc", package="gcc"))
    ffi = cffi.FFI()
    ffi.cdef(DECLARATIONS)
    return ffi, ffi.dlopen(str(path))
