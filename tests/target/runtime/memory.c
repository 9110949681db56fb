/* The four memory functions that the core needs, as a small C library would have them: words where both ends are
 * aligned, bytes elsewhere. */
#include <string.h>

#include <stdint.h>

/* Or gcc would find that these loops are memcpy and memset, and call them. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

typedef uint32_t __attribute__((may_alias)) word;

void *memcpy(void *to, const void *from, size_t bytes)
{
    uint8_t *out = to;
    const uint8_t *in = from;

    if ((((uintptr_t)out | (uintptr_t)in) & 3u) == 0) {
        word *out_words = (word *)(void *)out;
        const word *in_words = (const word *)(const void *)in;

        for (; bytes >= 16; bytes -= 16) {
            out_words[0] = in_words[0];
            out_words[1] = in_words[1];
            out_words[2] = in_words[2];
            out_words[3] = in_words[3];
            out_words += 4;
            in_words += 4;
        }
        for (; bytes >= 4; bytes -= 4) {
            *out_words++ = *in_words++;
        }
        out = (uint8_t *)out_words;
        in = (const uint8_t *)in_words;
    }
    for (; bytes != 0; bytes--) {
        *out++ = *in++;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    uint8_t *out = to;
    const uint8_t *in = from;

    if ((uintptr_t)out - (uintptr_t)in >= bytes) {
        return memcpy(to, from, bytes);
    }
    while (bytes != 0) {
        bytes--;
        out[bytes] = in[bytes];
    }
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    uint8_t *out = to;

    for (; bytes != 0 && ((uintptr_t)out & 3u) != 0; bytes--) {
        *out++ = (uint8_t)value;
    }
    {
        const uint32_t fill = (uint8_t)value * 0x01010101u;
        word *words = (word *)(void *)out;

        for (; bytes >= 4; bytes -= 4) {
            *words++ = fill;
        }
        out = (uint8_t *)words;
    }
    for (; bytes != 0; bytes--) {
        *out++ = (uint8_t)value;
    }
    return to;
}

int memcmp(const void *left, const void *right, size_t bytes)
{
    const uint8_t *a = left;
    const uint8_t *b = right;

    for (size_t i = 0; i < bytes; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}
