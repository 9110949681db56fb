/* Replays recorded sessions: the text of the files of spec/traces, one after another. */
#include "twin.h"

#define STEP_BYTES 2048u

static const char *at;

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes in hex up to the next blank. Returns how many. */
static uint32_t read_bytes(uint8_t *to)
{
    uint32_t bytes = 0;

    while (digit(at[0]) >= 0 && digit(at[1]) >= 0 && bytes < STEP_BYTES) {
        to[bytes++] = (uint8_t)(digit(at[0]) << 4 | digit(at[1]));
        at += 2;
    }
    return bytes;
}

/* A number in hex behind a blank. */
static uint32_t read_number(void)
{
    uint32_t number = 0;

    while (*at == ' ') {
        at++;
    }
    for (; digit(*at) >= 0; at++) {
        number = number << 4 | (uint32_t)digit(*at);
    }
    return number;
}

static void skip_line(void)
{
    while (*at != 0 && *at != '\n') {
        at++;
    }
    at += *at == '\n';
}

/* A line with a step: what it takes, the answer, the state, the digest. */
static int step_agrees(void)
{
    static uint8_t step[STEP_BYTES];
    const uint32_t bytes = read_bytes(step);
    const uint32_t answer = read_number();
    const uint32_t state = read_number();
    const uint32_t digest = read_number();

    return bytes >= 7u && (uint32_t)twin_step(step, bytes) == answer && twin_state() == state && twin_digest() == digest;
}

long twin_replay(const char *text, long *sessions)
{
    static uint8_t setup[64];
    long steps = 0;
    long line = 1;

    *sessions = 0;
    for (at = text; *at != 0; line++) {
        if (*at == 's') { /* setup */
            at += 6;
            if (twin_begin(setup, read_bytes(setup)) != 0) {
                return -1 - line;
            }
            ++*sessions;
        } else if (*at != '#' && *at != '\n') {
            if (*sessions == 0 || !step_agrees()) {
                return -1 - line;
            }
            steps++;
        }
        skip_line();
    }
    return steps;
}
