#include "store_model.h"

#include <string.h>

#define NOBODY 0xffffu

static store_model_event take_first(store_model *model, int list)
{
    const store_model_event first = model->events[list][0];

    model->counts[list]--;
    memmove(model->events[list], model->events[list] + 1, model->counts[list] * sizeof first);
    return first;
}

static uint32_t used(const store_model *model)
{
    return model->counts[FLIGHT_STORE_LOSSY] + model->counts[FLIGHT_STORE_KEPT] + model->counts[FLIGHT_STORE_SENT];
}

int store_model_put(store_model *model, const store_model_event *event)
{
    const int is_lossy = event->policy == FLIGHT_POLICY_OLDEST || event->policy == FLIGHT_POLICY_LATEST;
    const int list = is_lossy ? FLIGHT_STORE_LOSSY : FLIGHT_STORE_KEPT;
    int outcome = FLIGHT_STORE_QUEUED;

    for (uint32_t i = 0; event->policy == FLIGHT_POLICY_LATEST && i < model->counts[list]; i++) {
        store_model_event *old = &model->events[list][i];

        if (old->policy == FLIGHT_POLICY_LATEST && old->key == event->key && old->channel == event->channel) {
            *old = *event;
            model->accepted++;
            model->replaced++;
            return FLIGHT_STORE_REPLACED;
        }
    }
    if (model->entries - used(model) <= (event->policy == FLIGHT_POLICY_CONTROL ? 0 : model->reserved)) {
        if (!is_lossy || model->counts[list] == 0) {
            model->refused_full++;
            return FLIGHT_ERROR_FULL;
        }
        take_first(model, list);
        model->dropped_oldest++;
        outcome = FLIGHT_STORE_DROPPED_OLDEST;
    }
    model->events[list][model->counts[list]++] = *event;
    model->accepted++;
    return outcome;
}

/* Milliseconds, from 32,768 on seconds. */
static void write_age(uint8_t *out, uint32_t age_ms)
{
    const uint32_t age = age_ms < 32768u ? age_ms : 32768u + age_ms / 1000u;

    out[0] = (uint8_t)age;
    out[1] = (uint8_t)(age >> 8);
}

int store_model_pack(store_model *model, int kept, uint8_t *out, size_t capacity, uint32_t now_ms, uint32_t limit_events,
                     uint32_t frame_seq, flight_batch *batch)
{
    const int list = kept ? FLIGHT_STORE_KEPT : FLIGHT_STORE_LOSSY;
    const int waits = limit_events != 0 && model->counts[list] != 0;
    uint32_t bytes = 0;

    batch->events = 0;
    batch->channel = 0;
    while (batch->events < limit_events && model->counts[list] != 0) {
        const store_model_event *event = model->events[list];

        if ((batch->events != 0 && event->channel != batch->channel) || bytes + 4 + event->body_bytes > capacity) {
            break;
        }
        out[bytes] = event->layout;
        out[bytes + 1] = (uint8_t)(event->body_bytes / 4);
        write_age(out + bytes + 2, now_ms - event->stamp_ms);
        memcpy(out + bytes + 4, event->bytes, event->body_bytes);
        bytes += 4 + event->body_bytes;
        batch->channel = event->channel;
        batch->events++;
        if (kept) {
            store_model_event sent = take_first(model, list);

            sent.frame_seq = frame_seq;
            model->events[FLIGHT_STORE_SENT][model->counts[FLIGHT_STORE_SENT]++] = sent;
        } else {
            take_first(model, list);
            model->settled++;
        }
    }
    return waits && bytes == 0 ? FLIGHT_ERROR_NO_ROOM : (int)bytes;
}

uint32_t store_model_ack(store_model *model, uint32_t next_expected)
{
    uint32_t events = 0;

    while (model->counts[FLIGHT_STORE_SENT] != 0 && model->events[FLIGHT_STORE_SENT][0].frame_seq < next_expected) {
        take_first(model, FLIGHT_STORE_SENT);
        model->settled++;
        events++;
    }
    return events;
}

uint32_t store_model_rewind(store_model *model)
{
    const uint32_t events = model->counts[FLIGHT_STORE_SENT];
    store_model_event *waiting = model->events[FLIGHT_STORE_KEPT];

    memmove(waiting + events, waiting, model->counts[FLIGHT_STORE_KEPT] * sizeof *waiting);
    memcpy(waiting, model->events[FLIGHT_STORE_SENT], events * sizeof *waiting);
    model->counts[FLIGHT_STORE_KEPT] += events;
    model->counts[FLIGHT_STORE_SENT] = 0;
    return events;
}

/* What the index must hold: each waiting event that may be replaced, once, and nothing else. */
static int index_is_exact(const store_model *model, const flight_store *store)
{
    uint32_t latest = 0;

    for (uint32_t i = 0; i < model->counts[FLIGHT_STORE_LOSSY]; i++) {
        latest += model->events[FLIGHT_STORE_LOSSY][i].policy == FLIGHT_POLICY_LATEST;
    }
    for (uint32_t place = 0; place <= store->index_mask; place++) { /* no place is ever lost */
        latest -= store->index[place] != NOBODY;
    }
    return latest == 0;
}

const char *store_model_compare(const store_model *model, const flight_store *store)
{
    if (store->lists[FLIGHT_STORE_FREE].count != model->entries - used(model)) {
        return "another number of free entries";
    }
    for (int i = FLIGHT_STORE_LOSSY; i < FLIGHT_STORE_LISTS; i++) {
        const flight_store_list *list = &store->lists[i];

        if (list->count != model->counts[i] || (list->first == NOBODY) != (model->counts[i] == 0) ||
            (list->last == NOBODY) != (model->counts[i] == 0) || (list->last == list->first) != (model->counts[i] < 2)) {
            return "a list differs";
        }
    }
    if (store->accepted != model->accepted || store->settled != model->settled || store->replaced != model->replaced ||
        store->dropped_oldest != model->dropped_oldest || store->refused_full != model->refused_full) {
        return "a counter differs";
    }
    if (store->accepted != store->settled + store->replaced + store->dropped_oldest + used(model)) {
        return "an event is not accounted for";
    }
    return index_is_exact(model, store) ? NULL : "the index holds other entries";
}
