/* Reading delta batches, entry by entry. The coding is described in flight_delta.h. Each entry is looked at once, and what is
 * not the one way to write it is refused. */
#include "flight_delta.h"

#include "flight_bytes.h"
#include "flight_varint.h"

int flight_delta_start(flight_delta *delta)
{
    if (delta == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    memset(delta, 0, sizeof *delta);
    return 0;
}

/* Count a record's bytes as a record of its own. 0, or an error when there are more than a frame ever carries. */
static int take_record_bytes(flight_delta *delta, uint32_t body_bytes)
{
    const uint32_t bytes =
        FLIGHT_RECORD_HEAD_BYTES + body_bytes + (body_bytes > FLIGHT_SHORT_BODY_BYTES ? 4u : 0u);

    if (bytes > FLIGHT_MAX_FRAME_BYTES - delta->records_bytes) {
        return FLIGHT_ERROR_RECORD;
    }
    delta->records_bytes += bytes;
    return 0;
}

static void keep_age(flight_delta *delta, uint16_t age)
{
    delta->step = delta->events == 0 ? 0 : (uint16_t)(age - delta->age);
    delta->age = age;
    delta->events++;
}

/* A record on its own. It may not be of a kept layout: then it would have been an entry. */
static int read_keyframe(flight_delta *delta, const uint8_t *data, size_t data_bytes, flight_record *record)
{
    const int bytes = flight_batch_next(data, data_bytes, record);
    uint32_t words;

    if (bytes < 0) {
        return bytes;
    }
    for (uint32_t i = 0; i < delta->count; i++) {
        if (delta->layouts[i] == record->layout) {
            return FLIGHT_ERROR_RECORD;
        }
    }
    if (take_record_bytes(delta, record->body_bytes) != 0) {
        return FLIGHT_ERROR_RECORD;
    }
    words = flight_delta_words(record->layout);
    if (words != 0 && delta->count < FLIGHT_DELTA_LAYOUTS) {
        memcpy(delta->kept[delta->count], record->body, 4u * words);
        delta->masks[delta->count] = 0;
        delta->layouts[delta->count++] = record->layout;
    }
    keep_age(delta, flight_load16(data + 2));
    return bytes;
}

/* The age of an entry: as foreseen, or by its difference from that. */
static int read_age(const flight_delta *delta, uint32_t control, const uint8_t **at, const uint8_t *end, uint16_t *age)
{
    uint32_t folded = 0;

    if ((control & DELTA_AGE) != 0 &&
        (flight_get_varint(at, end, &folded) != 0 || folded == 0 || folded > 0xffffu)) {
        return FLIGHT_ERROR_RECORD;
    }
    *age = (uint16_t)(delta->age + delta->step + flight_unzigzag(folded));
    return 0;
}

/* The mask of an entry into delta->masks. */
static int read_mask(flight_delta *delta, uint32_t control, const uint8_t **at, const uint8_t *end, uint32_t words)
{
    uint16_t *kept = &delta->masks[control & DELTA_KEPT_MASK];
    uint32_t mask;

    if ((control & DELTA_MASK) == 0) {
        return 0;
    }
    if (flight_get_varint(at, end, &mask) != 0 || mask == *kept || mask >> words != 0) {
        return FLIGHT_ERROR_RECORD;
    }
    *kept = (uint16_t)mask;
    return 0;
}

/* Bring the kept words of a layout up to date. */
static int read_values(flight_delta *delta, uint32_t control, const uint8_t **at, const uint8_t *end)
{
    uint32_t mask = delta->masks[control & DELTA_KEPT_MASK];
    uint32_t *word = delta->kept[control & DELTA_KEPT_MASK];
    uint32_t folded;

    for (; mask != 0; mask >>= 1, word++) {
        uint8_t *bytes = (uint8_t *)word;

        if ((mask & 1u) == 0) {
            continue;
        }
        if (flight_get_varint(at, end, &folded) != 0 || folded == 0) {
            return FLIGHT_ERROR_RECORD;
        }
        flight_store32_aligned(bytes, flight_load32_aligned(bytes) + flight_unzigzag(folded));
    }
    return 0;
}

/* The body: the kept words themselves, or a copy of them with the tail behind it. */
static int read_body(flight_delta *delta, uint32_t control, const uint8_t **at, const uint8_t *end, uint32_t fixed_bytes,
                     uint8_t *scratch, size_t scratch_bytes, flight_record *record)
{
    uint32_t tail_words = 0;

    record->body = (const uint8_t *)delta->kept[control & DELTA_KEPT_MASK];
    record->body_bytes = fixed_bytes;
    if ((control & DELTA_TAIL) == 0) {
        return take_record_bytes(delta, fixed_bytes);
    }
    if (flight_get_varint(at, end, &tail_words) != 0 || tail_words == 0 || tail_words > (size_t)(end - *at) / 4u) {
        return FLIGHT_ERROR_RECORD;
    }
    record->body_bytes += 4u * tail_words;
    if (record->body_bytes > FLIGHT_MAX_FRAME_BYTES || take_record_bytes(delta, record->body_bytes) != 0) {
        return FLIGHT_ERROR_RECORD;
    }
    if (scratch == NULL || record->body_bytes > scratch_bytes) {
        return FLIGHT_ERROR_NO_ROOM;
    }
    memcpy(scratch, record->body, fixed_bytes);
    memcpy(scratch + fixed_bytes, *at, 4u * tail_words);
    *at += 4u * tail_words;
    record->body = scratch;
    return 0;
}

static int read_entry(flight_delta *delta, const uint8_t *data, size_t data_bytes, uint8_t *scratch, size_t scratch_bytes,
                      flight_record *record)
{
    const uint8_t *at = data + 1;
    const uint8_t *end = data + data_bytes;
    const uint32_t control = data[0];
    const uint32_t kept = control & DELTA_KEPT_MASK;
    uint32_t words;
    uint16_t age;
    int problem;

    if ((control & ~DELTA_CONTROL_BITS) != 0 || kept >= delta->count) {
        return FLIGHT_ERROR_RECORD;
    }
    words = flight_delta_words(delta->layouts[kept]);
    problem = read_age(delta, control, &at, end, &age);
    problem = problem != 0 ? problem : flight_age_decode(age, &record->age_ms);
    problem = problem != 0 ? problem : read_mask(delta, control, &at, end, words);
    problem = problem != 0 ? problem : read_values(delta, control, &at, end);
    problem = problem != 0 ? problem
                           : read_body(delta, control, &at, end, 4u * words, scratch, scratch_bytes, record);
    if (problem != 0) {
        return problem;
    }
    record->layout = delta->layouts[kept];
    keep_age(delta, age);
    return (int)(at - data);
}

int flight_delta_next(flight_delta *delta, const uint8_t *data, size_t data_bytes, uint8_t *scratch, size_t scratch_bytes,
                      flight_record *record)
{
    if (delta == NULL || data == NULL || record == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (data_bytes == 0) {
        return 0;
    }
    if ((data[0] & DELTA_ENTRY) == 0) {
        return read_keyframe(delta, data, data_bytes, record);
    }
    return read_entry(delta, data, data_bytes, scratch, scratch_bytes, record);
}

/* One record at out, its body already there or elsewhere. Returns its bytes, 0 where they do not fit. */
static uint32_t write_record(uint8_t *out, size_t room, const flight_record *record, uint16_t age)
{
    const int is_long = record->body_bytes > FLIGHT_SHORT_BODY_BYTES;
    const uint32_t head_bytes = FLIGHT_RECORD_HEAD_BYTES + (is_long ? 4u : 0u);

    if (head_bytes > room || record->body_bytes > room - head_bytes) {
        return 0;
    }
    memmove(out + head_bytes, record->body, record->body_bytes);
    out[0] = record->layout;
    out[1] = (uint8_t)(is_long ? 255u : record->body_bytes / 4u);
    flight_store16(out + 2, age);
    if (is_long) {
        flight_store32(out + 4, record->body_bytes);
    }
    return head_bytes + record->body_bytes;
}

int flight_delta_unpack(const uint8_t *data, size_t data_bytes, uint8_t *out, size_t capacity)
{
    flight_delta delta;
    flight_record record;
    size_t used = 0;

    if (data == NULL || out == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    flight_delta_start(&delta);
    while (data_bytes != 0) {
        const size_t room = capacity - used;
        const size_t head = room < FLIGHT_RECORD_HEAD_BYTES ? room : FLIGHT_RECORD_HEAD_BYTES;
        const int bytes = flight_delta_next(&delta, data, data_bytes, out + used + head, room - head, &record);
        uint32_t written;

        if (bytes < 0) {
            return bytes;
        }
        written = write_record(out + used, room, &record, delta.age);
        if (written == 0) {
            return FLIGHT_ERROR_NO_ROOM;
        }
        used += written;
        data += bytes;
        data_bytes -= (size_t)bytes;
    }
    return (int)used;
}
