/* The send store as plain arrays: what its C test and its fuzz target compare it with. */
#ifndef STORE_MODEL_H
#define STORE_MODEL_H

#include "flight.h"

#define STORE_MODEL_MOST 16u /* entries, at most */

typedef struct store_model_event {
    uint8_t bytes[8]; /* the body, at most */
    uint32_t body_bytes;
    uint32_t stamp_ms;
    uint32_t key;
    uint32_t frame_seq;
    uint16_t channel;
    uint8_t layout;
    uint8_t policy;
} store_model_event;

typedef struct store_model {
    store_model_event events[FLIGHT_STORE_LISTS][STORE_MODEL_MOST];
    uint32_t counts[FLIGHT_STORE_LISTS];
    uint32_t entries, reserved;
    uint32_t accepted, settled, replaced, dropped_oldest, refused_full;
} store_model;

/* Each does what the call of the store does, and answers the same. */
int store_model_put(store_model *model, const store_model_event *event);
int store_model_pack(store_model *model, int kept, uint8_t *out, size_t capacity, uint32_t now_ms, uint32_t limit_events,
                     uint32_t frame_seq, flight_batch *batch);
uint32_t store_model_ack(store_model *model, uint32_t next_expected);
uint32_t store_model_rewind(store_model *model);

/* Returns null, or what differs between the two. */
const char *store_model_compare(const store_model *model, const flight_store *store);

#endif
