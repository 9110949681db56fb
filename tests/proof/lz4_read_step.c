/* proves: flight_decompress
 * bound: one literal run or one match from any sound state, any token, up to 8 bytes of input left and 8 of output, 8 written before: so any row of such sequences
 * unwind: 18
 * bug: flight_lz4.c: if (offset == 0 || offset > (size_t)(in->out - in->start) => if (offset == 0 || offset > (size_t)(in->out - in->start) + 1
 */
#include "proof.h"

#include "flight_lz4.c"

enum { IN = 8, OUT = 16 };

int main(void)
{
    const uint32_t in_bytes = up_to(IN);
    const uint32_t out_bytes = up_to(OUT);
    const uint32_t token = up_to(15);
    const uint8_t *data = any_bytes(in_bytes);
    uint8_t *out = any_bytes(out_bytes);
    uint32_t length = token;
    lz4_in in;

    in.at = data + up_to(in_bytes);
    in.end = data + in_bytes;
    in.start = out;
    in.out = out + up_to(out_bytes);
    in.out_end = out + out_bytes;
    ASSUME(in.out_end - in.out <= 8);
    if (nondet_uint() % 2 != 0) {
        if (get_extra(&in, &length) == 0) {
            PROVE(length >= token && length <= FLIGHT_UNPACKED_BYTES + 255u && in.at <= in.end);
            if (get_literals(&in, length) == 0) {
                PROVE(in.out - out >= (int)length);
            }
        }
    } else {
        (void)get_match(&in, token);
    }
    PROVE(in.at >= data && in.at <= in.end && in.out >= out && in.out <= in.out_end);
    return 0;
}
