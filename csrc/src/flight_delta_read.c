/* Reading delta batches, entry by entry. The coding is described in flight_delta.h. Each entry is looked at once, and what is
 * not the one way to write it is refused. delta->at moves behind each part as it is read. */
#include "flight_delta.h"

#include "flight_bytes.h"
#include "flight_varint.h"

int flight_delta_start(flight_delta *delta, const uint8_t *data, size_t data_bytes, uint8_t *scratch,
                       size_t scratch_bytes)
{
    if (delta == NULL || data == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    memset(delta, 0, sizeof *delta);
    delta->at = data;
    delta->end = data + data_bytes;
    delta->scratch = scratch;
    delta->scratch_bytes =
        scratch == NULL ? 0 : (scratch_bytes < FLIGHT_MAX_FRAME_BYTES ? (uint32_t)scratch_bytes : FLIGHT_MAX_FRAME_BYTES);
    return 0;
}

/* The next number of the batch. -1 where it is not written as it should be. */
static int get_number(flight_delta *delta, uint32_t *value)
{
    const uint8_t *behind = flight_get_varint(delta->at, delta->end, value);

    if (behind == NULL) {
        return -1;
    }
    delta->at = behind;
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

static void keep_age(flight_delta *delta, uint32_t age)
{
    delta->step = delta->events == 0 ? 0 : (uint16_t)(age - delta->age);
    delta->age = (uint16_t)age;
    delta->events++;
}

/* A record on its own. It may not be of a kept layout: then it would have been an entry. */
static int read_keyframe(flight_delta *delta, flight_record *record)
{
    const int bytes = flight_batch_next(delta->at, (size_t)(delta->end - delta->at), record);
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
        delta->words[delta->count] = (uint8_t)words;
        delta->layouts[delta->count++] = record->layout;
    }
    keep_age(delta, flight_load16(delta->at + 2));
    delta->at += bytes;
    return 0;
}

/* The age of an entry: as foreseen, or by its difference from that. */
static int read_age(flight_delta *delta, uint32_t control, flight_record *record)
{
    uint32_t age = (uint32_t)delta->age + delta->step;
    uint32_t folded;

    if ((control & DELTA_AGE) != 0) {
        if (get_number(delta, &folded) != 0 || folded - 1u >= 0xffffu) {
            return FLIGHT_ERROR_RECORD;
        }
        age += flight_unzigzag(folded);
    }
    keep_age(delta, age & 0xffffu);
    return flight_age_decode(delta->age, &record->age_ms);
}

/* The mask of an entry into delta->masks. */
static int read_mask(flight_delta *delta, uint32_t control, uint32_t words)
{
    uint16_t *kept = &delta->masks[control & DELTA_KEPT_MASK];
    uint32_t mask;

    if ((control & DELTA_MASK) == 0) {
        return 0;
    }
    if (get_number(delta, &mask) != 0 || mask == *kept || mask >> words != 0) {
        return FLIGHT_ERROR_RECORD;
    }
    *kept = (uint16_t)mask;
    return 0;
}

/* Bring the kept words of a layout up to date. */
static FLIGHT_APART int read_values(flight_delta *delta, uint32_t control)
{
    uint32_t mask = delta->masks[control & DELTA_KEPT_MASK];
    uint32_t *word = delta->kept[control & DELTA_KEPT_MASK];
    const uint8_t *at = delta->at;
    uint32_t folded;

    for (; mask != 0; mask >>= 1, word++) {
        uint8_t *bytes = (uint8_t *)word;

        if ((mask & 1u) == 0) {
            continue;
        }
        at = flight_get_varint(at, delta->end, &folded);
        if (at == NULL || folded == 0) {
            return FLIGHT_ERROR_RECORD;
        }
        flight_store32_aligned(bytes, flight_load32_aligned(bytes) + flight_unzigzag(folded));
    }
    delta->at = at;
    return 0;
}

/* A body with a tail: a copy of the kept words, in record->body, with the tail behind it. */
static int read_tail(flight_delta *delta, flight_record *record)
{
    const uint32_t fixed_bytes = record->body_bytes;
    uint32_t tail_words;

    if (get_number(delta, &tail_words) != 0 || tail_words == 0 ||
        tail_words > (size_t)(delta->end - delta->at) / 4u || tail_words > FLIGHT_MAX_FRAME_BYTES / 4u) {
        return FLIGHT_ERROR_RECORD;
    }
    record->body_bytes += 4u * tail_words;
    if (take_record_bytes(delta, record->body_bytes) != 0) {
        return FLIGHT_ERROR_RECORD;
    }
    if (record->body_bytes > delta->scratch_bytes) {
        return FLIGHT_ERROR_NO_ROOM;
    }
    memcpy(delta->scratch, record->body, fixed_bytes);
    memcpy(delta->scratch + fixed_bytes, delta->at, 4u * tail_words);
    delta->at += 4u * tail_words;
    record->body = delta->scratch;
    return 0;
}

static inline int read_entry(flight_delta *delta, flight_record *record)
{
    const uint32_t control = *delta->at++;
    const uint32_t kept = control & DELTA_KEPT_MASK;
    uint32_t words;
    int problem;

    if ((control & ~DELTA_CONTROL_BITS) != 0 || kept >= delta->count) {
        return FLIGHT_ERROR_RECORD;
    }
    words = delta->words[kept];
    record->layout = delta->layouts[kept];
    record->body = (const uint8_t *)delta->kept[kept];
    record->body_bytes = 4u * words;
    problem = read_age(delta, control, record);
    problem = problem != 0 ? problem : read_mask(delta, control, words);
    problem = problem != 0 ? problem : read_values(delta, control);
    if (problem != 0) {
        return problem;
    }
    return (control & DELTA_TAIL) != 0 ? read_tail(delta, record) : take_record_bytes(delta, 4u * words);
}

int flight_delta_next(flight_delta *delta, flight_record *record)
{
    const uint8_t *start;
    int problem;

    if (delta == NULL || record == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    start = delta->at;
    if (start == delta->end) {
        return 0;
    }
    problem = (*start & DELTA_ENTRY) != 0 ? read_entry(delta, record) : read_keyframe(delta, record);
    return problem != 0 ? problem : (int)(delta->at - start);
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

int flight_delta_unpack(flight_delta *delta, const uint8_t *data, size_t data_bytes, uint8_t *out, size_t capacity)
{
    flight_record record;
    size_t used = 0;

    if (out == NULL || flight_delta_start(delta, data, data_bytes, NULL, 0) != 0) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (capacity > FLIGHT_MAX_FRAME_BYTES) { /* records never take more */
        capacity = FLIGHT_MAX_FRAME_BYTES;
    }
    for (;;) {
        const size_t room = capacity - used;
        const size_t head = room < FLIGHT_RECORD_HEAD_BYTES ? room : FLIGHT_RECORD_HEAD_BYTES;
        uint32_t written;
        int bytes;

        delta->scratch = out + used + head; /* a body that has to be put together is so where it belongs */
        delta->scratch_bytes = (uint32_t)(room - head);
        bytes = flight_delta_next(delta, &record);
        if (bytes <= 0) {
            return bytes < 0 ? bytes : (int)used;
        }
        written = write_record(out + used, room, &record, delta->age);
        if (written == 0) {
            return FLIGHT_ERROR_NO_ROOM;
        }
        used += written;
    }
}
