/* Little-endian words in byte buffers. Private.
 *
 * Two ways to each word: at any address, which is one instruction on x86 and ARM but four with shifts between them on SH-4
 * and MIPS; and by one aligned load or store. So callers that know their alignment say so. */
#ifndef FLIGHT_BYTES_H
#define FLIGHT_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FLIGHT_LITTLE_ENDIAN 1
#else
#define FLIGHT_LITTLE_ENDIAN 0 /* also "not known": bytewise is always right */
#endif

/* Words at any address cost no more than aligned ones: then asking for the alignment costs more than it saves.
 * FLIGHT_STRICT_ALIGNMENT lets a host run what the other machines run. */
#if FLIGHT_LITTLE_ENDIAN && !defined(FLIGHT_STRICT_ALIGNMENT) && (defined(__x86_64__) || defined(__i386__) || defined(__aarch64__) || defined(__ARM_FEATURE_UNALIGNED))
#define FLIGHT_ANY_ADDRESS 1
#else
#define FLIGHT_ANY_ADDRESS 0
#endif

#if defined(__GNUC__)
#define FLIGHT_ASSUME_ALIGNED(pointer) __builtin_assume_aligned((pointer), 4)
#else
#define FLIGHT_ASSUME_ALIGNED(pointer) (pointer)
#endif

/* Compiled for size: what -O2 writes out twice or inline is done in one way, by memcpy or a call. */
#if defined(__OPTIMIZE_SIZE__)
#define FLIGHT_SMALL 1
#else
#define FLIGHT_SMALL 0
#endif

#if defined(__GNUC__)
#define FLIGHT_APART __attribute__((noinline)) /* rarely needed: keep it out of the way of what is */
#else
#define FLIGHT_APART
#endif

static inline int flight_is_aligned(const void *pointer)
{
    return ((uintptr_t)pointer & 3u) == 0;
}

static inline uint16_t flight_load16(const uint8_t *at)
{
    return (uint16_t)(at[0] | (at[1] << 8));
}

static inline uint32_t flight_load32(const uint8_t *at)
{
#if FLIGHT_ANY_ADDRESS
    uint32_t value;

    memcpy(&value, at, 4);
    return value;
#else
    return (uint32_t)at[0] | ((uint32_t)at[1] << 8) | ((uint32_t)at[2] << 16) | ((uint32_t)at[3] << 24);
#endif
}

static inline void flight_store16(uint8_t *at, uint16_t value)
{
#if FLIGHT_ANY_ADDRESS
    memcpy(at, &value, 2);
#else
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
#endif
}

static inline void flight_store32(uint8_t *at, uint32_t value)
{
#if FLIGHT_ANY_ADDRESS
    memcpy(at, &value, 4);
#else
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    at[2] = (uint8_t)(value >> 16);
    at[3] = (uint8_t)(value >> 24);
#endif
}

/* memcpy of four aligned bytes is how C99 spells "one load" without breaking the aliasing rules. */
static inline uint32_t flight_load32_aligned(const uint8_t *at)
{
#if FLIGHT_LITTLE_ENDIAN
    uint32_t value;

    memcpy(&value, FLIGHT_ASSUME_ALIGNED(at), 4);
    return value;
#else
    return flight_load32(at);
#endif
}

static inline void flight_store32_aligned(uint8_t *at, uint32_t value)
{
#if FLIGHT_LITTLE_ENDIAN
    memcpy(FLIGHT_ASSUME_ALIGNED(at), &value, 4);
#else
    flight_store32(at, value);
#endif
}

#if FLIGHT_ANY_ADDRESS
#define FLIGHT_WORDS(pointer) (pointer)
#else
#define FLIGHT_WORDS(pointer) FLIGHT_ASSUME_ALIGNED(pointer)
#endif

/* memcpy for an aligned source and a multiple of 4 bytes, without the call: records are too short to be worth one. */
static inline void flight_copy_words(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
    uint32_t at;

    if (FLIGHT_SMALL || (!FLIGHT_ANY_ADDRESS && !flight_is_aligned(to))) {
        memcpy(to, from, bytes);
        return;
    }
    for (at = 0; at + 16u <= bytes; at += 16u) {
        memcpy(FLIGHT_WORDS(to + at), FLIGHT_WORDS(from + at), 16);
    }
    for (; at < bytes; at += 4u) {
        memcpy(FLIGHT_WORDS(to + at), FLIGHT_WORDS(from + at), 4);
    }
}

/* The four words of a frame header. By value: compilers keep them in registers. */
typedef struct flight_words {
    uint32_t w0, w1, w2, w3;
} flight_words;

static inline flight_words flight_load_header(const uint8_t *at)
{
    flight_words words;

#if FLIGHT_SMALL && FLIGHT_LITTLE_ENDIAN
    memcpy(&words, at, 16);
#else
    if (!FLIGHT_ANY_ADDRESS && flight_is_aligned(at)) {
        words.w0 = flight_load32_aligned(at);
        words.w1 = flight_load32_aligned(at + 4);
        words.w2 = flight_load32_aligned(at + 8);
        words.w3 = flight_load32_aligned(at + 12);
    } else {
        words.w0 = flight_load32(at);
        words.w1 = flight_load32(at + 4);
        words.w2 = flight_load32(at + 8);
        words.w3 = flight_load32(at + 12);
    }
#endif
    return words;
}

static inline void flight_store_header(uint8_t *at, flight_words words)
{
#if FLIGHT_SMALL && FLIGHT_LITTLE_ENDIAN
    memcpy(at, &words, 16);
#else
    if (!FLIGHT_ANY_ADDRESS && flight_is_aligned(at)) {
        flight_store32_aligned(at, words.w0);
        flight_store32_aligned(at + 4, words.w1);
        flight_store32_aligned(at + 8, words.w2);
        flight_store32_aligned(at + 12, words.w3);
    } else {
        flight_store32(at, words.w0);
        flight_store32(at + 4, words.w1);
        flight_store32(at + 8, words.w2);
        flight_store32(at + 12, words.w3);
    }
#endif
}

#endif
