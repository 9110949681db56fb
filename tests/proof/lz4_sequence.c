/* proves: flight_compress
 * bound: one sequence of up to 20 literals and a match of up to 300 bytes, any room up to 28: written inside it or refused; as long as counted
 * unwind: 22
 * quick
 * bug: flight_lz4.c: if (needed > (size_t)(out->end - out->at)) { => if (needed > (size_t)(out->end - out->at) + 1) {
 */
#include "proof.h"

#include "flight_lz4.c"

int main(void)
{
    const uint32_t room = up_to(28);
    const uint32_t literal_bytes = up_to(20);
    const uint32_t match_bytes = up_to(300);
    const uint32_t length = up_to(FLIGHT_UNPACKED_BYTES);
    const uint8_t *literals = any_bytes(literal_bytes);
    uint8_t *memory = any_bytes(room);
    lz4_out out;

    ASSUME(match_bytes == 0 || match_bytes >= MATCH_BYTES);
    out.at = memory;
    out.end = memory + room;
    if (put_sequence(&out, literals, literal_bytes, 1 + up_to(65534), match_bytes) == 0) {
        PROVE(out.at > memory && out.at <= out.end);
        PROVE((uint32_t)(memory[0] >> 4) == (literal_bytes < 15 ? literal_bytes : 15));
    } else {
        PROVE(out.at == memory);
    }
    return 0;
}
