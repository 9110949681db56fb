/* proves: flight_delta_next flight_delta_pack
 * bound: any 32-bit number written and read again, any 16-bit difference folded and back; any buffer of up to 7 bytes read: what is accepted is written again byte for byte
 * unwind: 8
 * quick
 * bug: flight_varint.h: (shift == 35 && byte > 15u) => (shift == 35 && byte > 31u)
 * bug: flight_varint.h: if (at == end || shift > 28) { => if (shift > 28) {
 */
#include "proof.h"

#include "flight_delta.h"
#include "flight_varint.h"

static void written_is_read(void)
{
    const uint32_t number = nondet_uint();
    uint8_t bytes[FLIGHT_VARINT_BYTES];
    const uint8_t *end = flight_put_varint(bytes, number);
    uint32_t again;

    PROVE(end > bytes && end <= bytes + FLIGHT_VARINT_BYTES);
    PROVE(flight_get_varint(bytes, end, &again) == end && again == number);
    PROVE(flight_unzigzag(flight_zigzag(number)) == number);
    PROVE((uint16_t)flight_unzigzag(flight_zigzag16(number)) == (uint16_t)number && flight_zigzag16(number) <= 0xffffu);
}

static void read_is_written(void)
{
    const uint32_t bytes = up_to(7);
    const uint8_t *data = any_bytes(bytes);
    uint8_t out[FLIGHT_VARINT_BYTES];
    uint32_t number;
    const uint8_t *at = flight_get_varint(data, data + bytes, &number);

    if (at != NULL) {
        const uint32_t used = (uint32_t)(at - data);

        PROVE(used >= 1 && used <= FLIGHT_VARINT_BYTES && used <= bytes);
        PROVE(flight_put_varint(out, number) == out + used);
        for (uint32_t i = 0; i < used; i++) {
            PROVE(out[i] == data[i]);
        }
    }
}

int main(void)
{
    written_is_read();
    read_is_written();
    return 0;
}
