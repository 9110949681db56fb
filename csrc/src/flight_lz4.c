/* LZ4 block format, both ways, for large payloads. A block is a row of sequences:
 *
 *     token       high half: literals, low half: match length less 4; 15 = more follows
 *     (bytes)     more literals: bytes of 255 and a last one below, all added
 *     literals
 *     offset      16 bits, little-endian: how far back the match starts, never 0
 *     (bytes)     more match length, likewise
 *
 * The last sequence ends after its literals. By the format the last five bytes of a block are literals and the last match
 * starts at least twelve bytes before the end; the writer keeps to both.
 *
 * The payload of a compressed frame is the original size in 32 bits and one block. It is never compressed twice: what comes
 * out is a plain payload, whatever it looks like.
 *
 * Both directions look at each byte of input a bounded number of times; the reader writes each byte of output once, and
 * only below the size that was declared and fits the caller's buffer. */
#include "flight_bytes.h"
#include "flight.h"

#define MATCH_BYTES 4u        /* the shortest match */
#define LAST_LITERALS 5u      /* the last bytes of a block are literals */
#define MATCH_START_BYTES 12u /* a match starts at least this far from the end */
#define OFFSET_LIMIT 0xffffu
#define LONG 15u

/* ---- writing ---- */

typedef struct lz4_out {
    uint8_t *at;
    uint8_t *end;
} lz4_out;

static uint32_t hash_of(uint32_t four)
{
    return (four * 2654435761u) >> (32u - FLIGHT_LZ4_TABLE_BITS);
}

/* Bytes that a length beyond its half of the token takes. Lengths are below 64 KiB, so this is a loop of at most 257. */
static uint32_t extra_bytes(uint32_t length)
{
    uint32_t bytes = 0;

    for (; length >= LONG + 255u * bytes; bytes++) {
    }
    return bytes;
}

static void put_extra(lz4_out *out, uint32_t length)
{
    if (length < LONG) {
        return;
    }
    for (length -= LONG; length >= 255u; length -= 255u) {
        *out->at++ = 255u;
    }
    *out->at++ = (uint8_t)length;
}

/* One sequence; match_bytes 0 for the last. -1 where it does not fit. */
static int put_sequence(lz4_out *out, const uint8_t *literals, uint32_t literal_bytes, uint32_t offset,
                        uint32_t match_bytes)
{
    const uint32_t match = match_bytes != 0 ? match_bytes - MATCH_BYTES : 0;
    size_t needed = 1u + extra_bytes(literal_bytes) + literal_bytes;

    if (match_bytes != 0) {
        needed += 2u + extra_bytes(match);
    }
    if (needed > (size_t)(out->end - out->at)) {
        return -1;
    }
    *out->at++ = (uint8_t)(((literal_bytes < LONG ? literal_bytes : LONG) << 4) | (match < LONG ? match : LONG));
    put_extra(out, literal_bytes);
    memcpy(out->at, literals, literal_bytes);
    out->at += literal_bytes;
    if (match_bytes != 0) {
        flight_store16(out->at, (uint16_t)offset);
        out->at += 2;
        put_extra(out, match);
    }
    return 0;
}

static uint32_t match_length(const uint8_t *data, uint32_t at, uint32_t from, uint32_t limit)
{
    uint32_t bytes = MATCH_BYTES;

    while (at + bytes < limit && data[at + bytes] == data[from + bytes]) {
        bytes++;
    }
    return bytes;
}

static int compress_block(const uint8_t *data, uint32_t bytes, lz4_out *out, uint16_t *table)
{
    const uint32_t matches_end = bytes < MATCH_START_BYTES + 1u ? 0 : bytes - MATCH_START_BYTES;
    uint32_t at = 0;
    uint32_t literals = 0; /* where those not yet written start */

    memset(table, 0, FLIGHT_LZ4_TABLE_BYTES);
    while (at < matches_end) {
        const uint32_t four = flight_load32(data + at);
        const uint32_t hash = hash_of(four);
        const uint32_t from = table[hash];
        uint32_t match_bytes;

        table[hash] = (uint16_t)at;
        if (from >= at || flight_load32(data + from) != four) { /* a 0 in a fresh table is an honest guess */
            at += 1u + ((at - literals) >> 6); /* faster through what does not compress */
            continue;
        }
        match_bytes = match_length(data, at, from, bytes - LAST_LITERALS);
        if (put_sequence(out, data + literals, at - literals, at - from, match_bytes) != 0) {
            return -1;
        }
        at += match_bytes;
        literals = at;
    }
    return put_sequence(out, data + literals, bytes - literals, 0, 0);
}

int flight_compress(const uint8_t *data, size_t data_bytes, uint8_t *out, size_t capacity, uint16_t *table)
{
    lz4_out to;

    if (data == NULL || out == NULL || table == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (data_bytes == 0 || data_bytes > FLIGHT_UNPACKED_BYTES) {
        return FLIGHT_ERROR_TOO_LARGE;
    }
    if (capacity < FLIGHT_UNPACKED_HEAD_BYTES) {
        return FLIGHT_ERROR_NO_ROOM;
    }
    to.at = out + FLIGHT_UNPACKED_HEAD_BYTES;
    to.end = out + capacity;
    if (compress_block(data, (uint32_t)data_bytes, &to, table) != 0) {
        return FLIGHT_ERROR_NO_ROOM;
    }
    flight_store32(out, (uint32_t)data_bytes);
    return (int)(to.at - out);
}

/* ---- reading ---- */

typedef struct lz4_in {
    const uint8_t *at;
    const uint8_t *end;
    uint8_t *start; /* of the output */
    uint8_t *out;
    uint8_t *out_end;
} lz4_in;

/* Add the further bytes of a length. -1 where they are cut or the sum can no longer be true. */
static int get_extra(lz4_in *in, uint32_t *length)
{
    uint32_t byte;

    if (*length != LONG) {
        return 0;
    }
    do {
        if (in->at == in->end || *length > FLIGHT_UNPACKED_BYTES) {
            return -1;
        }
        byte = *in->at++;
        *length += byte;
    } while (byte == 255u);
    return 0;
}

static int get_literals(lz4_in *in, uint32_t bytes)
{
    if (bytes > (size_t)(in->end - in->at) || bytes > (size_t)(in->out_end - in->out)) {
        return -1;
    }
    memcpy(in->out, in->at, bytes);
    in->at += bytes;
    in->out += bytes;
    return 0;
}

static int get_match(lz4_in *in, uint32_t length)
{
    const uint8_t *from;
    uint32_t offset;

    if (in->end - in->at < 2) {
        return -1;
    }
    offset = flight_load16(in->at);
    in->at += 2;
    if (offset == 0 || offset > (size_t)(in->out - in->start) || get_extra(in, &length) != 0) {
        return -1;
    }
    length += MATCH_BYTES;
    if (length > (size_t)(in->out_end - in->out)) {
        return -1;
    }
    /* Forwards byte by byte: a match may overlap what it writes, which repeats it. */
    for (from = in->out - offset; length != 0; length--) {
        *in->out++ = *from++;
    }
    return 0;
}

/* A whole block. 0 when it ends as blocks do. */
static int get_block(lz4_in *in)
{
    for (;;) {
        uint32_t token;
        uint32_t literals;

        if (in->at == in->end) {
            return -1;
        }
        token = *in->at++;
        literals = token >> 4;
        if (get_extra(in, &literals) != 0 || get_literals(in, literals) != 0) {
            return -1;
        }
        if (in->at == in->end) {
            return (token & 15u) == 0 ? 0 : -1;
        }
        if (get_match(in, token & 15u) != 0) {
            return -1;
        }
    }
}

int flight_unpacked_bytes(const uint8_t *data, size_t data_bytes)
{
    uint32_t size;

    if (data == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (data_bytes <= FLIGHT_UNPACKED_HEAD_BYTES) {
        return FLIGHT_ERROR_COMPRESSED;
    }
    size = flight_load32(data);
    if (size == 0 || size > FLIGHT_UNPACKED_BYTES ||
        size > FLIGHT_UNPACKED_RATIO * (data_bytes - FLIGHT_UNPACKED_HEAD_BYTES)) {
        return FLIGHT_ERROR_COMPRESSED;
    }
    return (int)size;
}

int flight_decompress(const uint8_t *data, size_t data_bytes, uint8_t *out, size_t capacity)
{
    const int size = flight_unpacked_bytes(data, data_bytes);
    lz4_in in;

    if (size < 0) {
        return size;
    }
    if (out == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if ((size_t)size > capacity) {
        return FLIGHT_ERROR_NO_ROOM;
    }
    in.at = data + FLIGHT_UNPACKED_HEAD_BYTES;
    in.end = data + data_bytes;
    in.start = out;
    in.out = out;
    in.out_end = out + size;
    return get_block(&in) == 0 && in.out == in.out_end ? size : FLIGHT_ERROR_COMPRESSED;
}
