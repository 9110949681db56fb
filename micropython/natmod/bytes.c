/* The functions of micropython/flight_client/_viper_bytes.py by the C core, as a native module that takes its file's place. */
#include "py/dynruntime.h"

#include "flight_check.h"
#include "flight_crc.c" /* whole: a native module has no linker that would find it elsewhere */

#define MASK_AT 10 /* in the numbers of a ring: where delta_values leaves the mask */

static uint8_t *bytes_of(mp_obj_t object, mp_uint_t flags)
{
    mp_buffer_info_t info;

    mp_get_buffer_raise(object, &info, flags);
    return info.buf;
}

/* crc32c_into(data, at, count, out, to): write the CRC-32C, little-endian. */
static mp_obj_t crc32c_into(size_t n, const mp_obj_t *values)
{
    const uint8_t *data = bytes_of(values[0], MP_BUFFER_READ);
    uint8_t *out = bytes_of(values[3], MP_BUFFER_WRITE);

    (void)n;
    flight_store32(out + mp_obj_get_int(values[4]),
                   flight_crc32c(data + mp_obj_get_int(values[1]), (size_t)mp_obj_get_int(values[2]), 0));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(crc32c_into_object, 5, 5, crc32c_into);

/* header_check(data, at): the check over a header's 16 bytes but the fourth. */
static mp_obj_t header_check(mp_obj_t data, mp_obj_t at)
{
    const uint8_t *header = bytes_of(data, MP_BUFFER_READ) + mp_obj_get_int(at);

    return MP_OBJ_NEW_SMALL_INT(flight_check_words(flight_load32(header), flight_load32(header + 4), flight_load32(header + 8),
                                                   flight_load32(header + 12)));
}
static MP_DEFINE_CONST_FUN_OBJ_2(header_check_object, header_check);

/* copy(out, to, data, at, count): bytes forwards; where the two overlap, what was copied is copied again. */
static mp_obj_t copy(size_t n, const mp_obj_t *values)
{
    uint8_t *out = bytes_of(values[0], MP_BUFFER_WRITE) + mp_obj_get_int(values[1]);
    const uint8_t *data = bytes_of(values[2], MP_BUFFER_READ) + mp_obj_get_int(values[3]);
    mp_int_t count = mp_obj_get_int(values[4]);

    (void)n;
    while (count-- > 0) {
        *out++ = *data++;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(copy_object, 5, 5, copy);

/* mask_into(data, at, end, key): XOR with a key of 4 bytes, as WebSocket clients must. */
static mp_obj_t mask_into(size_t n, const mp_obj_t *values)
{
    uint8_t *data = bytes_of(values[0], MP_BUFFER_WRITE);
    const uint8_t *key = bytes_of(values[3], MP_BUFFER_READ);
    const mp_int_t end = mp_obj_get_int(values[2]);
    mp_int_t at = mp_obj_get_int(values[1]);
    unsigned i;

    (void)n;
    for (i = 0; at < end; i++) {
        data[at++] ^= key[i & 3u];
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mask_into_object, 4, 4, mask_into);

static uint32_t difference_of(const uint8_t *newer, const uint8_t *older, unsigned word)
{
    return flight_load32(newer + 4 * word) - flight_load32(older + 4 * word);
}

/* One folded difference; the end of what was written. */
static uint8_t *put_value(uint8_t *out, uint32_t difference)
{
    uint32_t folded = (difference << 1) ^ (0u - (difference >> 31));

    while (folded > 127u) {
        *out++ = (uint8_t)(folded | 128u);
        folded >>= 7;
    }
    *out++ = (uint8_t)folded;
    return out;
}

/* delta_values(out, at, last, mem, new, old, words, st): the folded differences of the words that changed; the mask goes to
 * `st`. The end, or -1: no room behind `last`. */
static mp_obj_t delta_values(size_t n, const mp_obj_t *values)
{
    uint8_t *start = bytes_of(values[0], MP_BUFFER_WRITE);
    uint8_t *out = start + mp_obj_get_int(values[1]);
    const uint8_t *last = start + mp_obj_get_int(values[2]);
    const uint8_t *memory = bytes_of(values[3], MP_BUFFER_READ);
    const uint8_t *newer = memory + 4 * mp_obj_get_int(values[4]);
    const uint8_t *older = memory + 4 * mp_obj_get_int(values[5]);
    const unsigned words = (unsigned)mp_obj_get_int(values[6]);
    int32_t *numbers = (int32_t *)bytes_of(values[7], MP_BUFFER_WRITE);
    uint32_t mask = 0;
    unsigned i = 0;

    (void)n;
    while (i < words) {
        unsigned pair = (words - i) % 2 == 0 ? 2 : 1;

        if (pair == 2) { /* the room is looked at once for two: `last` leaves enough for them, as in the C core */
            if (difference_of(newer, older, i) == 0 && difference_of(newer, older, i + 1) == 0) {
                i += 2;
                continue;
            }
            if (out > last) {
                return MP_OBJ_NEW_SMALL_INT(-1);
            }
        }
        for (; pair > 0; pair--, i++) {
            const uint32_t difference = difference_of(newer, older, i);

            if (difference != 0) {
                mask |= 1u << i;
                out = put_value(out, difference);
            }
        }
    }
    numbers[MASK_AT] = (int32_t)mask;
    return MP_OBJ_NEW_SMALL_INT(out - start);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(delta_values_object, 8, 8, delta_values);

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args)
{
    MP_DYNRUNTIME_INIT_ENTRY
    mp_store_global(MP_QSTR_crc32c_into, MP_OBJ_FROM_PTR(&crc32c_into_object));
    mp_store_global(MP_QSTR_header_check, MP_OBJ_FROM_PTR(&header_check_object));
    mp_store_global(MP_QSTR_copy, MP_OBJ_FROM_PTR(&copy_object));
    mp_store_global(MP_QSTR_mask_into, MP_OBJ_FROM_PTR(&mask_into_object));
    mp_store_global(MP_QSTR_delta_values, MP_OBJ_FROM_PTR(&delta_values_object));
    MP_DYNRUNTIME_INIT_EXIT
}
