/* How the inputs of the two codec targets become what a server sends: a byte below 0x80 stands for itself, most of the others for
 * a word that a server might say, so that short inputs reach deep. Then the bytes are fed twice, whole and in pieces, and both
 * must come to the same. */
#ifndef CODEC_INPUT_H
#define CODEC_INPUT_H

#include "fuzz.h"

#include "flight_codec.h"

#define SAID_BYTES 2304u /* more than the longest head */

typedef struct said {
    uint8_t data[SAID_BYTES];
    size_t bytes;
} said;

static inline void say(said *all, const void *data, size_t bytes)
{
    const size_t room = SAID_BYTES - all->bytes;

    memcpy(all->data + all->bytes, data, bytes < room ? bytes : room);
    all->bytes += bytes < room ? bytes : room;
}

/* One byte of input: itself, a word, or (0xff, seldom: it costs much) the last byte said 200 times more. */
static inline void say_byte(said *all, uint8_t byte, const char *const *words, size_t count)
{
    size_t i;

    if (byte < 0x80u) {
        say(all, &byte, 1);
    } else if (byte < 0xffu) {
        const char *word = words[((size_t)byte - 0x80u) % count];

        say(all, word, strlen(word));
    } else if (all->bytes != 0) {
        const uint8_t last = all->data[all->bytes - 1u];

        for (i = 0; i < 200u; i++) {
            say(all, &last, 1);
        }
    }
}

/* The next piece of a run that is cut: short ones, as long as that costs little. */
static inline size_t next_piece(uint32_t *seed, size_t left)
{
    size_t piece;

    *seed = *seed * 1664525u + 1013904223u;
    piece = 1u + (*seed >> 24) % (left < 200u ? 16u : 200u);
    return piece < left ? piece : left;
}

#endif
