/* proves: flight_reassembly_init flight_reassembly_push
 * bound: one fragment with up to 16 bytes of payload, any head, after any others, into any room up to 12 bytes: so any number of fragments
 * unwind: 50
 * bug: flight_fragment.c: if (bytes > reassembly->total_bytes - reassembly->used_bytes) { => if (bytes > reassembly->total_bytes - reassembly->used_bytes + 1) {
 */
#include "proof.h"

#include "flight_fragment.c"

uint32_t flight_frame_bytes(uint32_t payload_bytes, uint8_t flags);

static int is_sound(const flight_reassembly *joiner, const uint8_t *buffer, uint32_t capacity)
{
    return joiner->buffer == buffer && joiner->capacity == capacity &&
           (joiner->total_bytes == 0 || (joiner->used_bytes < joiner->total_bytes && joiner->total_bytes <= capacity));
}

int main(void)
{
    const uint32_t capacity = up_to(12);
    const uint32_t payload_bytes = up_to(16);
    uint8_t *buffer = any_bytes(capacity);
    flight_reassembly joiner;
    flight_frame fragment;
    flight_frame whole;
    int bytes;

    if (flight_reassembly_init(&joiner, buffer, capacity) != 0) {
        PROVE(capacity == 0);
        return 0;
    }
    PROVE(is_sound(&joiner, buffer, capacity));
    joiner.total_bytes = nondet_uint();
    joiner.used_bytes = nondet_uint();
    joiner.message = (uint16_t)nondet_uint();
    joiner.next = (uint16_t)nondet_uint();
    joiner.channel = (uint16_t)nondet_uint();
    joiner.type = nondet_uchar();
    joiner.flags = nondet_uchar();
    ASSUME(is_sound(&joiner, buffer, capacity));
    fragment.payload = any_bytes(payload_bytes);
    fragment.payload_bytes = payload_bytes;
    fragment.channel = (uint16_t)nondet_uint();
    fragment.type = nondet_uchar();
    fragment.flags = nondet_uchar();
    bytes = flight_reassembly_push(&joiner, &fragment, &whole);
    PROVE(is_sound(&joiner, buffer, capacity));
    PROVE(bytes <= (int)capacity);
    if (bytes > 0) {
        PROVE(whole.payload == buffer && whole.payload_bytes == (uint32_t)bytes && joiner.total_bytes == 0);
        PROVE((whole.flags & FLIGHT_FLAG_MORE) == 0 && whole.type == fragment.type);
    }
    return 0;
}
