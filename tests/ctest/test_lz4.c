/* Compression: blocks known byte by byte, the edges of lengths and room, and every block that the reader refuses. */
#include <stdlib.h>
#include <string.h>

#include "ctest.h"

#define LARGEST 65536u

static uint16_t table[FLIGHT_LZ4_TABLE_BYTES / 2];

/* Memory of exactly so many bytes; of one where that is none. */
static uint8_t *exactly(size_t bytes)
{
    uint8_t *memory = malloc(bytes + (bytes == 0));

    CHECK(memory != NULL);
    return memory;
}

/* Compress what comes back the same, from memory that ends with it, and not into one byte less. Returns the bytes; the block
 * stays in out. */
static int pack(const uint8_t *data, uint32_t bytes, uint8_t *out, size_t capacity)
{
    uint8_t *input = exactly(bytes);
    uint8_t *back = exactly(bytes);
    uint8_t *tight;
    int packed;

    memcpy(input, data, bytes);
    packed = flight_compress(input, bytes, out, capacity, table);

    CHECK(packed > 4 && (uint32_t)packed <= capacity);
    CHECK(flight_unpacked_bytes(out, (size_t)packed) == (int)bytes);
    CHECK(flight_decompress(out, (size_t)packed, back, bytes) == (int)bytes);
    tight = exactly((size_t)packed - 1);
    CHECK(flight_compress(input, bytes, tight, (size_t)packed - 1, table) == FLIGHT_ERROR_NO_ROOM);
    free(tight);
    CHECK(memcmp(back, data, bytes) == 0 && memcmp(input, data, bytes) == 0);
    free(input);
    free(back);
    return packed;
}

/* Bytes no four of which come twice. */
static void fill_unlike(uint8_t *data, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        data[i] = (uint8_t)((i & 1) != 0 ? i >> 9 : i >> 1);
    }
}

/* Words of a small vocabulary in an order that does not repeat. */
static void fill_alike(uint8_t *data, uint32_t bytes, uint32_t state)
{
    for (uint32_t i = 0; i < bytes;) {
        state = state * 1664525u + 1013904223u;
        for (uint32_t k = 0; k < 3 + (state >> 30) && i < bytes; k++) {
            data[i++] = (uint8_t)('a' + (state >> 24 & 15u) * 7u + k);
        }
    }
}

static void test_arguments(void)
{
    uint8_t data[20] = {0};
    uint8_t out[64];

    CHECK(flight_compress(NULL, 20, out, 64, table) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_compress(data, 20, NULL, 64, table) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_compress(data, 20, out, 64, NULL) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_compress(data, 0, out, 64, table) == FLIGHT_ERROR_TOO_LARGE);
    CHECK(flight_compress(data, LARGEST + 1, out, 64, table) == FLIGHT_ERROR_TOO_LARGE);
    for (size_t capacity = 0; capacity < 5; capacity++) {
        CHECK(flight_compress(data, 20, out, capacity, table) == FLIGHT_ERROR_NO_ROOM);
    }
    CHECK(flight_unpacked_bytes(NULL, 20) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_decompress(NULL, 20, out, 64) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_decompress((const uint8_t *)"\1\0\0\0\x10!", 6, NULL, 64) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_decompress((const uint8_t *)"\1\0\0\0\x10!", 6, out, 0) == FLIGHT_ERROR_NO_ROOM);
    CHECK(flight_decompress((const uint8_t *)"\1\0\0\0\x10!", 6, out, 1) == 1 && out[0] == '!');
}

static void test_declared_sizes(void)
{
    uint8_t *data = calloc(1, LARGEST + 8);

    CHECK(data != NULL);
    data[0] = 1;
    for (size_t bytes = 0; bytes < 5; bytes++) { /* no byte of a block */
        CHECK(flight_unpacked_bytes(data, bytes) == FLIGHT_ERROR_COMPRESSED);
    }
    CHECK(flight_unpacked_bytes(data, 5) == 1);
    data[0] = 0;
    CHECK(flight_unpacked_bytes(data, 5) == FLIGHT_ERROR_COMPRESSED);
    data[0] = 255;
    CHECK(flight_unpacked_bytes(data, 5) == 255);
    memcpy(data, "\0\1\0\0", 4);
    CHECK(flight_unpacked_bytes(data, 5) == FLIGHT_ERROR_COMPRESSED && flight_unpacked_bytes(data, 6) == 256);
    memcpy(data, "\xff\1\0\0", 4);
    CHECK(flight_unpacked_bytes(data, 6) == FLIGHT_ERROR_COMPRESSED && flight_unpacked_bytes(data, 7) == 511);
    memcpy(data, "\0\0\1\0", 4);
    CHECK(flight_unpacked_bytes(data, 4 + 257) == FLIGHT_ERROR_COMPRESSED);
    CHECK(flight_unpacked_bytes(data, 4 + 258) == 65536);
    memcpy(data, "\1\0\1\0", 4);
    CHECK(flight_unpacked_bytes(data, LARGEST) == FLIGHT_ERROR_COMPRESSED);
    CHECK(flight_decompress(data, LARGEST, data, LARGEST) == FLIGHT_ERROR_COMPRESSED);
    free(data);
}

/* One byte, over and over: a literal, a match up to five from the end, five literals. */
static void test_repetition(void)
{
    uint8_t data[700];
    uint8_t out[800];

    memset(data, 'a', sizeof data);
    CHECK(pack(data, 1, out, 800) == 6 && memcmp(out, "\1\0\0\0\x10" "a", 6) == 0);
    CHECK(pack(data, 11, out, 800) == 4 + 1 + 11 && out[4] == 0xb0);
    CHECK(pack(data, 12, out, 800) == 4 + 1 + 12 && out[4] == 0xc0);
    CHECK(pack(data, 13, out, 800) == 4 + 1 + 13 && out[4] == 0xd0);
    CHECK(pack(data, 14, out, 800) == 14 && memcmp(out, "\16\0\0\0\x14" "a\1\0\x50" "aaaaa", 14) == 0);
    CHECK(pack(data, 24, out, 800) == 14 && memcmp(out + 4, "\x1e" "a\1\0\x50" "aaaaa", 10) == 0);
    CHECK(pack(data, 25, out, 800) == 15 && memcmp(out + 4, "\x1f" "a\1\0\0\x50" "aaaaa", 11) == 0);
    CHECK(pack(data, 279, out, 800) == 15 && memcmp(out + 4, "\x1f" "a\1\0\xfe\x50" "aaaaa", 11) == 0);
    CHECK(pack(data, 280, out, 800) == 16 && memcmp(out + 4, "\x1f" "a\1\0\xff\0\x50" "aaaaa", 12) == 0);
    CHECK(pack(data, 534, out, 800) == 16 && memcmp(out + 4, "\x1f" "a\1\0\xff\xfe\x50" "aaaaa", 12) == 0);
    CHECK(pack(data, 535, out, 800) == 17 && memcmp(out + 4, "\x1f" "a\1\0\xff\xff\0\x50" "aaaaa", 13) == 0);
}

/* Too short for a match, and for the four bytes that the search for one looks at. */
static void test_the_shortest_inputs(void)
{
    uint8_t out[32];

    for (uint32_t bytes = 1; bytes < 14; bytes++) {
        CHECK(pack((const uint8_t *)"aaaaaaaaaaaaa", bytes, out, 32) == 4 + 1 + (int)bytes && out[4] == bytes << 4);
    }
}

/* Nothing repeats: one row of literals, however long. */
static void test_literals(void)
{
    uint8_t *data = exactly(LARGEST);
    uint8_t *out = exactly(LARGEST + 300);

    fill_unlike(data, LARGEST);
    CHECK(pack(data, 14, out, 100) == 4 + 1 + 14 && out[4] == 0xe0);
    CHECK(pack(data, 15, out, 100) == 4 + 2 + 15 && out[4] == 0xf0 && out[5] == 0);
    CHECK(pack(data, 269, out, 800) == 4 + 2 + 269 && out[5] == 254);
    CHECK(pack(data, 270, out, 800) == 4 + 3 + 270 && out[5] == 255 && out[6] == 0);
    CHECK(pack(data, 65536, out, LARGEST + 300) == 4 + 1 + 257 + 65536);
    CHECK(memcmp(out, "\0\0\1\0\xf0\xff", 6) == 0 && out[4 + 256] == 255 && out[4 + 257] == 65521 - 256 * 255);
    CHECK(memcmp(out + 4 + 258, data, LARGEST) == 0);
    CHECK(flight_compress(data, 65536, out, 4 + 1 + 257 + 65535, table) == FLIGHT_ERROR_NO_ROOM);

    /* The four at 257 are passed over (by then every fourth byte is looked at), so the same four at 268 are new, whatever
     * place of the table they have. */
    for (uint32_t add = 0; add < 16; add++) {
        fill_unlike(data, 300);
        for (uint32_t i = 0; i < 300; i++) {
            data[i] = (uint8_t)(data[i] + add * 17);
        }
        memcpy(data + 268, data + 257, 4);
        CHECK(pack(data, 300, out, 800) == 4 + 3 + 300);
    }
    fill_unlike(data, 300);
    memcpy(data + 268, data + 258, 4); /* those at 258 were seen: ten back, four long */
    CHECK(pack(data, 300, out, 800) == 4 + 2 + 268 + 2 + 2 + 28);
    CHECK(memcmp(out + 4, "\xf0\xfd", 2) == 0 && memcmp(out + 4 + 2 + 268, "\12\0\xf0\15", 4) == 0);
    free(data);
    free(out);
}

/* The first fours of the input are found again: where the table says 0, it may be meant. */
static void test_matches(void)
{
    uint8_t data[64];
    uint8_t out[100];

    fill_unlike(data, 64);
    memcpy(data + 40, data, 8);
    CHECK(pack(data, 64, out, 100) == 4 + 2 + 40 + 2 + 2 + 16);
    CHECK(out[4] == 0xf4 && out[5] == 25 && memcmp(out + 6 + 40, "\50\0\xf0\1", 4) == 0);
    fill_unlike(data, 64);
    memcpy(data + 51, data + 9, 4); /* the last place where a match may start; a fifth follows */
    CHECK(pack(data, 64, out, 100) == 4 + 2 + 51 + 2 + 1 + 8 && out[6 + 51] == 42);
    fill_unlike(data, 64);
    memcpy(data + 52, data + 9, 4);
    CHECK(pack(data, 64, out, 100) == 4 + 2 + 64);
}

/* What is written does not change, and never more than there is room for. */
static void test_room(void)
{
    static const struct {
        uint32_t bytes, seed, crc;
        int packed;
    } known[] = {
        {13, 1, 0x2997507au, 18},
        {40, 2, 0x009c4a79u, 46},
        {200, 3, 0x26703971u, 183},
        {1200, 4, 0x0a40f9afu, 923},
        {65536, 5, 0x6530b804u, 44513},
    };
    uint8_t *data = exactly(LARGEST);
    uint8_t *whole = exactly(LARGEST + 300);

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        fill_alike(data, known[i].bytes, known[i].seed);
        const int packed = pack(data, known[i].bytes, whole, LARGEST + 300);
        CHECK(packed == known[i].packed);
        CHECK(flight_crc32c(whole, (size_t)packed, 0) == known[i].crc);
        for (size_t capacity = packed > 700 ? (size_t)packed - 40 : 0; capacity <= (size_t)packed; capacity++) {
            uint8_t *out = exactly(capacity);

            CHECK(flight_compress(data, known[i].bytes, out, capacity, table) ==
                  (capacity < (size_t)packed ? FLIGHT_ERROR_NO_ROOM : packed));
            CHECK(capacity < (size_t)packed || memcmp(out, whole, capacity) == 0);
            free(out);
        }
    }
    free(data);
    free(whole);
}

/* A block behind this declared size, in memory of exactly its bytes. */
static int read_block(uint32_t size, const uint8_t *block, size_t bytes, uint8_t *out)
{
    uint8_t *data = exactly(4 + bytes);
    uint8_t *exact = exactly(size);
    int code;

    data[0] = (uint8_t)size;
    data[1] = (uint8_t)(size >> 8);
    data[2] = (uint8_t)(size >> 16);
    data[3] = (uint8_t)(size >> 24);
    memcpy(data + 4, block, bytes);
    code = flight_decompress(data, 4 + bytes, exact, size);
    if (code > 0) {
        CHECK((uint32_t)code == size);
        memcpy(out, exact, size);
    }
    free(data);
    free(exact);
    return code;
}

#define BLOCK(size, ...) read_block(size, (const uint8_t[]){__VA_ARGS__}, sizeof(const uint8_t[]){__VA_ARGS__}, out)
#define REFUSED FLIGHT_ERROR_COMPRESSED

static void test_blocks(void)
{
    uint8_t out[400];
    uint8_t long_one[400];

    CHECK(BLOCK(2, 0x20, 'a', 'b') == 2 && memcmp(out, "ab", 2) == 0);
    CHECK(BLOCK(3, 0x20, 'a', 'b') == REFUSED);                             /* less than was declared */
    CHECK(BLOCK(1, 0x20, 'a', 'b') == REFUSED);                             /* more */
    CHECK(BLOCK(2, 0x20, 'a') == REFUSED && BLOCK(2, 0x20) == REFUSED);     /* literals cut */
    CHECK(BLOCK(2, 0x21, 'a', 'b') == REFUSED);                             /* announces a match behind the end */
    CHECK(BLOCK(15, 0xf0) == REFUSED);                                      /* the length is cut */
    CHECK(BLOCK(7, 0x20, 'a', 'b', 2, 0, 0x10, 'c') == 7 && memcmp(out, "abababc", 7) == 0);
    CHECK(BLOCK(7, 0x20, 'a', 'b', 1, 0, 0x10, 'c') == 7 && memcmp(out, "abbbbbc", 7) == 0);
    CHECK(BLOCK(7, 0x20, 'a', 'b', 3, 0, 0x10, 'c') == REFUSED);            /* before the start */
    CHECK(BLOCK(7, 0x20, 'a', 'b', 0, 1, 0x10, 'c') == REFUSED);
    CHECK(BLOCK(7, 0x20, 'a', 'b', 0, 0, 0x10, 'c') == REFUSED);            /* where it stands */
    CHECK(BLOCK(6, 0x20, 'a', 'b', 1, 0) == REFUSED);                       /* ends with a match */
    CHECK(BLOCK(6, 0x20, 'a', 'b', 1, 0, 0) == 6);                          /* no last literal is none too few */
    CHECK(BLOCK(6, 0x20, 'a', 'b', 1) == REFUSED);                          /* the offset is cut */
    CHECK(BLOCK(5, 0x20, 'a', 'b', 1, 0, 0) == REFUSED);                    /* a match over the size */
    CHECK(BLOCK(7, 0x21, 'a', 'b', 1, 0, 0) == 7 && BLOCK(6, 0x21, 'a', 'b', 1, 0, 0) == REFUSED);
    CHECK(BLOCK(30, 0x2f, 'a', 'b', 1, 0) == REFUSED);                      /* a match length is cut */
    CHECK(BLOCK(21, 0x2f, 'a', 'b', 1, 0, 0, 0) == 21);
    CHECK(BLOCK(24, 0x2f, 'a', 'b', 2, 0, 2, 0x10, 'c') == 24 && memcmp(out + 20, "abac", 4) == 0);
    CHECK(BLOCK(276, 0x2f, 'a', 'b', 2, 0, 255, 0, 0) == 276 && BLOCK(276, 0x2f, 'a', 'b', 2, 0, 255) == REFUSED);
    CHECK(BLOCK(5, 0x00, 1, 0, 0x10, 'a') == REFUSED);                      /* nothing to repeat yet */
    CHECK(BLOCK(9, 0x10, 'a', 1, 0, 0x01, 1, 0, 0) == REFUSED);
    CHECK(BLOCK(10, 0x10, 'a', 1, 0, 0x01, 1, 0, 0) == 10);                 /* a sequence without literals */
    memset(long_one, 255, sizeof long_one);
    long_one[0] = 0xf0;
    CHECK(read_block(65536, long_one, 400, out) == REFUSED);                /* a length without end */
    memcpy(long_one, "\x1f" "a\1\0", 4);
    CHECK(read_block(65536, long_one, 400, out) == REFUSED);
    memset(long_one, 'x', sizeof long_one);
    long_one[0] = 0xf0;
    long_one[1] = 255;
    long_one[2] = 30;
    CHECK(read_block(300, long_one, 303, out) == 300 && memcmp(out, long_one + 3, 300) == 0);
    CHECK(read_block(300, long_one, 302, out) == REFUSED && read_block(299, long_one, 303, out) == REFUSED);
}

void test_lz4(void)
{
    test_arguments();
    test_declared_sizes();
    test_repetition();
    test_the_shortest_inputs();
    test_literals();
    test_matches();
    test_room();
    test_blocks();
}
