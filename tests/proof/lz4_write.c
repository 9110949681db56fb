/* proves: flight_compress
 * bound: any data of up to 14 bytes, a table of 4 entries, any hash: only sequences whose literals and matches lie inside the data, in their order, to the end (what one sequence writes: lz4_sequence)
 * unwind: 16
 * adapt: flight_payloads.h: #define FLIGHT_LZ4_TABLE_BITS 9u => #define FLIGHT_LZ4_TABLE_BITS 2u
 * adapt: flight_lz4.c: return (four * 2654435761u) >> (32u - FLIGHT_LZ4_TABLE_BITS); => return up_to(3) + 0 * four;
 * adapt: flight_lz4.c: put_sequence(out, data + literals, => one_sequence(out, data + literals,
 * bug: flight_lz4.c: if (from >= at || => if (from > at ||
 */
#include "proof.h"

struct lz4_out;
static int one_sequence(struct lz4_out *out, const uint8_t *literals, uint32_t literal_bytes, uint32_t offset,
                        uint32_t match_bytes);

#include "flight_lz4.c"

#ifndef MOST
#define MOST 14
#endif

static const uint8_t *data;
static uint32_t bytes;
static uint32_t done; /* bytes that the sequences so far stand for */

/* In the place of put_sequence: looks at what it is given, and fits or does not. */
static int one_sequence(struct lz4_out *out, const uint8_t *literals, uint32_t literal_bytes, uint32_t offset,
                        uint32_t match_bytes)
{
    (void)out;
    PROVE(literals == data + done && literal_bytes <= bytes - done);
    done += literal_bytes;
    if (match_bytes != 0) {
        PROVE(offset >= 1 && offset <= done && offset <= OFFSET_LIMIT);
        PROVE(match_bytes >= MATCH_BYTES && match_bytes + LAST_LITERALS <= bytes - done);
        PROVE(bytes - done >= MATCH_START_BYTES);
    } else {
        PROVE(done == bytes);
    }
    done += match_bytes;
    return nondet_uint() % 2 != 0 ? 0 : -1;
}

int main(void)
{
    static uint16_t table[FLIGHT_LZ4_TABLE_BYTES / 2];
    uint8_t out[8];
    int result;

    bytes = up_to(MOST);
    data = any_bytes(bytes);
    result = flight_compress(data, bytes, out, sizeof out, table);
    PROVE(result == FLIGHT_ERROR_NO_ROOM || (result == FLIGHT_ERROR_TOO_LARGE && bytes == 0) || done == bytes);
    return 0;
}
