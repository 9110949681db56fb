/* The resume record: what a device keeps of its numbers while it is switched off. The layout stands in the reference,
 * flight_client/session/common/resume.py. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

#define MAGIC 0x5246u
#define FORM 1u
#define CRC_AT (FLIGHT_RESUME_BYTES - 4u)

void flight_resume_name(flight_resume *resume, const char *device_id)
{
    flight_store32(resume->device,
                   flight_crc32c((const uint8_t *)device_id, flight_text_bytes(device_id, FLIGHT_DEVICE_ID_BYTES - 1u), 0));
}

void flight_resume_pack(const flight_resume *resume, uint8_t *out)
{
    const uint32_t low = (uint32_t)resume->before;
    const uint32_t high = (uint32_t)((uint64_t)resume->before >> 32);

    memset(out, 0, FLIGHT_RESUME_BYTES);
    flight_store16(out, MAGIC);
    out[2] = FORM;
    flight_store32(out + 4, resume->serial);
    memcpy(out + 8, resume->incarnation, 8);
    memcpy(out + 16, resume->epoch, 8);
    flight_store32(out + 24, (uint32_t)resume->mark);
    flight_store32(out + 28, low & FLIGHT_CLOCK_MASK);
    flight_store32(out + 32, high << 2 | low >> 30);
    flight_store32(out + 36, resume->starts);
    memcpy(out + 40, resume->device, 4);
    flight_store32(out + CRC_AT, flight_crc32c(out, CRC_AT, 0));
}

/* Whether a record of this form stands there, undamaged. */
static int is_whole(const uint8_t *data)
{
    return flight_load16(data) == MAGIC && data[2] == FORM &&
           flight_load32(data + CRC_AT) == flight_crc32c(data, CRC_AT, 0) &&
           (flight_load32(data + 4) | flight_load32(data + 24) | flight_load32(data + 28) | flight_load32(data + 32) |
            flight_load32(data + 36)) < FLIGHT_NUMBER_LIMIT;
}

int flight_resume_unpack(flight_resume *resume, const uint8_t *data)
{
    uint32_t high;

    if (!is_whole(data)) {
        return 0;
    }
    resume->serial = flight_load32(data + 4);
    memcpy(resume->incarnation, data + 8, 8);
    memcpy(resume->epoch, data + 16, 8);
    resume->mark = (int32_t)flight_load32(data + 24);
    high = flight_load32(data + 32);
    resume->before = (int64_t)((uint64_t)(high >> 2) << 32 | (flight_load32(data + 28) | high << 30));
    resume->starts = flight_load32(data + 36);
    memcpy(resume->device, data + 40, 4);
    return 1;
}

/* Nothing, or what new files and erased flashes hold. */
static int is_blank(const uint8_t *copies)
{
    uint32_t i;

    if (copies[0] != 0 && copies[0] != 0xffu) {
        return 0;
    }
    for (i = 1; i < 2u * FLIGHT_RESUME_BYTES; i++) {
        if (copies[i] != copies[0]) {
            return 0;
        }
    }
    return 1;
}

int flight_resume_newest(const uint8_t *copies)
{
    const uint8_t *other = copies + FLIGHT_RESUME_BYTES;
    const int first = is_whole(copies);

    if (is_whole(other)) {
        return !first || flight_elapsed(flight_load32(other + 4), flight_load32(copies + 4)) > 0;
    }
    if (first) {
        return 0;
    }
    return is_blank(copies) ? FLIGHT_RESUME_NONE : FLIGHT_RESUME_DAMAGED;
}

#endif
