/* The C session, driven by the steps that drive the Python one too. Freestanding: also for the bare programs.
 *
 * A step is a row of bytes; how one is written stands in spec/traces/README.md, tests/twin/steps.py does the same in Python. */
#ifndef TWIN_H
#define TWIN_H

#include "flight.h"

#define TWIN_WORDS 4096u /* what a snapshot takes at most */

/* A new session from the bytes of a set-up. Returns 0, or an error. */
int twin_begin(const uint8_t *setup, uint32_t bytes);

/* Take one step. Returns what the session answered. */
int twin_step(const uint8_t *step, uint32_t bytes);

/* Everything that the session holds, word by word. Returns how many. */
uint32_t twin_snapshot(uint32_t *words);

/* The whole frame of the last FLIGHT_DO_SEND, sealed. Returns its bytes. */
int twin_frame(const uint8_t **frame);

/* The sum over the snapshot and, where the last step answered FLIGHT_DO_SEND, the payload. */
uint32_t twin_digest(void);

/* Which of two copies of a resume record is newer; `out` is what it says, packed anew. Returns what flight_resume_newest does. */
int twin_resume(const uint8_t *copies, uint8_t *out);
void twin_resume_name(const char *device_id, uint8_t *out);

uint8_t twin_state(void);
uint8_t twin_next_state(uint32_t state, uint32_t happening);
uint32_t twin_sizeof(void);

/* Replay a text of traces. Returns the steps, or -1 - the number of the first line that differs. */
long twin_replay(const char *text, long *sessions);

#endif
