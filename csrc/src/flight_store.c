/* The send store: events wait here for their frame, and critical ones until the frame is acknowledged. The consumer of the
 * ring moves events in and applies the policy of their channel; everything is O(1), apart from the index (below).
 *
 * Every entry is in exactly one of four lists, linked by entry numbers: free, lossy (waiting), kept (waiting), sent (kept
 * ones whose frame was written, in the order of frames). NONE ends a list. Entries join at the end and leave at the front
 * only, so one link each is enough.
 *
 * The index finds the waiting entry of a (channel, key): open addressing over a power of two of places, at least twice the
 * entries, so that a search ends after a few; a removal closes its gap, so no place is ever lost. */
#include "flight_bytes.h"
#include "flight.h"

#define NONE 0xffffu

/* At the start of each entry's memory; the body follows. */
typedef struct store_entry {
    uint32_t stamp_ms;
    uint32_t key;
    uint32_t frame_seq;
    uint16_t channel;
    uint16_t body_bytes;
    uint16_t next;
    uint8_t layout;
    uint8_t policy;
} store_entry;

static store_entry *entry_at(const flight_store *store, uint32_t number)
{
    return (store_entry *)(void *)(store->memory + number * store->entry_words);
}

/* ---- lists ---- */

static void append(flight_store *store, uint32_t list, uint32_t number)
{
    store_entry *entry = entry_at(store, number);
    flight_store_list *to = &store->lists[list];

    entry->next = NONE;
    if (to->last == NONE) {
        to->first = (uint16_t)number;
    } else {
        entry_at(store, to->last)->next = (uint16_t)number;
    }
    to->last = (uint16_t)number;
    to->count++;
}

/* Take the first entry out of a list that has one. Returns its number. */
static uint32_t take_first(flight_store *store, uint32_t list)
{
    flight_store_list *from = &store->lists[list];
    const uint32_t number = from->first;

    from->first = entry_at(store, number)->next;
    if (from->first == NONE) {
        from->last = NONE;
    }
    from->count--;
    return number;
}

/* ---- index ---- */

static uint32_t home_of(const flight_store *store, uint32_t channel, uint32_t key)
{
    const uint32_t mixed = (key ^ (channel << 16 | channel)) * 2654435761u;

    return (mixed >> 16 ^ mixed) & store->index_mask;
}

/* The place of a (channel, key), or the free place where it would stand. */
static uint32_t find_place(const flight_store *store, uint32_t channel, uint32_t key)
{
    uint32_t place = home_of(store, channel, key);

    while (store->index[place] != NONE) {
        const store_entry *entry = entry_at(store, store->index[place]);

        if (entry->key == key && entry->channel == channel) {
            break;
        }
        place = (place + 1u) & store->index_mask;
    }
    return place;
}

/* Take an entry out of the index and move those behind it that may stand nearer to their home. */
static void forget(flight_store *store, const store_entry *entry)
{
    uint32_t gap = find_place(store, entry->channel, entry->key);
    uint32_t place = gap;

    for (;;) {
        const store_entry *other;
        uint32_t home;

        place = (place + 1u) & store->index_mask;
        if (store->index[place] == NONE) {
            break;
        }
        other = entry_at(store, store->index[place]);
        home = home_of(store, other->channel, other->key);
        if (((place - home) & store->index_mask) >= ((place - gap) & store->index_mask)) {
            store->index[gap] = store->index[place];
            gap = place;
        }
    }
    store->index[gap] = NONE;
}

/* ---- the store ---- */

size_t flight_store_need(uint32_t entries, uint32_t body_bytes)
{
    uint32_t places = 4;

    while (places < 2u * entries) {
        places *= 2u;
    }
    return (size_t)entries * (sizeof(store_entry) + body_bytes) + 2u * (size_t)places;
}

int flight_store_init(flight_store *store, void *memory, uint32_t entries, uint32_t body_bytes, uint32_t reserved)
{
    uint32_t places = 4;
    uint32_t i;

    if (store == NULL || memory == NULL || !flight_is_aligned(memory) || entries == 0 || entries > 16384u ||
        (body_bytes & 3u) != 0 || body_bytes > 65532u || reserved >= entries) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    while (places < 2u * entries) {
        places *= 2u;
    }
    memset(store, 0, sizeof *store);
    store->memory = (uint32_t *)memory;
    store->entry_words = (uint32_t)(sizeof(store_entry) + body_bytes) / 4u;
    store->index = (uint16_t *)(void *)(store->memory + entries * store->entry_words);
    store->index_mask = places - 1u;
    store->body_bytes = body_bytes;
    store->reserved = reserved;
    memset(store->index, 0xff, 2u * places);
    for (i = 0; i < FLIGHT_STORE_LISTS; i++) {
        store->lists[i].first = NONE;
        store->lists[i].last = NONE;
    }
    for (i = 0; i < entries; i++) {
        append(store, FLIGHT_STORE_FREE, i);
    }
    return 0;
}

/* The first entry of a list leaves for good. */
static void free_first(flight_store *store, uint32_t list)
{
    const uint32_t number = take_first(store, list);
    const store_entry *entry = entry_at(store, number);

    if (entry->policy == FLIGHT_POLICY_LATEST) {
        forget(store, entry);
    }
    append(store, FLIGHT_STORE_FREE, number);
}

static void fill(store_entry *entry, uint8_t layout, uint32_t stamp_ms, const void *body, uint32_t body_bytes)
{
    entry->stamp_ms = stamp_ms;
    entry->layout = layout;
    entry->body_bytes = (uint16_t)body_bytes;
    if (body_bytes != 0) {
        memcpy(entry + 1, body, body_bytes);
    }
}

/* See that an entry is free that this policy may take. Returns 0, 1 where the oldest lossy one had to go, or FULL. */
static int make_room(flight_store *store, uint32_t policy)
{
    const uint32_t untouchable = policy == FLIGHT_POLICY_CONTROL ? 0 : store->reserved;

    if (store->lists[FLIGHT_STORE_FREE].count > untouchable) {
        return 0;
    }
    if (policy != FLIGHT_POLICY_OLDEST && policy != FLIGHT_POLICY_LATEST) {
        return FLIGHT_ERROR_FULL;
    }
    if (store->lists[FLIGHT_STORE_LOSSY].first == NONE) {
        return FLIGHT_ERROR_FULL;
    }
    free_first(store, FLIGHT_STORE_LOSSY);
    store->dropped_oldest++;
    return 1;
}

/* A new entry of a free one. */
static int add(flight_store *store, uint32_t policy, uint16_t channel, uint32_t key, uint32_t *number)
{
    const int room = make_room(store, policy);
    const int is_lossy = policy == FLIGHT_POLICY_OLDEST || policy == FLIGHT_POLICY_LATEST;
    store_entry *entry;

    if (room < 0) {
        store->refused_full++;
        return room;
    }
    *number = take_first(store, FLIGHT_STORE_FREE);
    append(store, is_lossy ? FLIGHT_STORE_LOSSY : FLIGHT_STORE_KEPT, *number);
    entry = entry_at(store, *number);
    entry->policy = (uint8_t)policy;
    entry->channel = channel;
    entry->key = key;
    if (policy == FLIGHT_POLICY_LATEST) {
        store->index[find_place(store, channel, key)] = (uint16_t)*number;
    }
    return room != 0 ? FLIGHT_STORE_DROPPED_OLDEST : FLIGHT_STORE_QUEUED;
}

int flight_store_put(flight_store *store, const flight_store_event *event)
{
    uint32_t number = NONE;
    int outcome = FLIGHT_STORE_REPLACED;

    if (store == NULL || event == NULL || (event->body == NULL && event->body_bytes != 0) ||
        (event->body_bytes & 3u) != 0 || event->policy > FLIGHT_POLICY_CONTROL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (event->body_bytes > store->body_bytes || event->body_bytes > FLIGHT_SHORT_BODY_BYTES) {
        store->refused_too_large++;
        return FLIGHT_ERROR_TOO_LARGE;
    }
    if (event->policy == FLIGHT_POLICY_LATEST) {
        number = store->index[find_place(store, event->channel, event->key)];
    }
    if (number != NONE) {
        store->replaced++;
    } else {
        outcome = add(store, event->policy, event->channel, event->key, &number);
    }
    if (outcome >= 0) {
        fill(entry_at(store, number), event->layout, event->stamp_ms, event->body, event->body_bytes);
        store->accepted++;
    }
    return outcome;
}

static uint32_t write_entry(const store_entry *entry, uint8_t *out, uint16_t age)
{
    out[0] = entry->layout;
    out[1] = (uint8_t)(entry->body_bytes / 4u);
    flight_store16(out + 2, age);
    memcpy(out + FLIGHT_RECORD_HEAD_BYTES, entry + 1, entry->body_bytes);
    return FLIGHT_RECORD_HEAD_BYTES + entry->body_bytes;
}

int flight_store_pack(flight_store *store, int kept, uint8_t *out, size_t capacity, uint32_t now_ms,
                      uint32_t limit_events, uint32_t frame_seq, flight_batch *batch)
{
    const uint32_t list = kept ? FLIGHT_STORE_KEPT : FLIGHT_STORE_LOSSY;
    uint32_t used = 0;

    if (store == NULL || out == NULL || batch == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (capacity > FLIGHT_MAX_FRAME_BYTES) {
        capacity = FLIGHT_MAX_FRAME_BYTES;
    }
    batch->events = 0;
    batch->channel = 0;
    while (batch->events < limit_events && store->lists[list].first != NONE) {
        store_entry *entry = entry_at(store, store->lists[list].first);

        if (batch->events != 0 && entry->channel != batch->channel) {
            break;
        }
        if (FLIGHT_RECORD_HEAD_BYTES + entry->body_bytes > capacity - used) {
            return batch->events != 0 ? (int)used : FLIGHT_ERROR_NO_ROOM;
        }
        used += write_entry(entry, out + used, flight_age_since(entry->stamp_ms, now_ms));
        batch->channel = entry->channel;
        batch->events++;
        if (kept) {
            entry->frame_seq = frame_seq;
            append(store, FLIGHT_STORE_SENT, take_first(store, list));
        } else {
            free_first(store, list);
            store->settled++;
        }
    }
    return (int)used;
}

uint32_t flight_store_ack(flight_store *store, uint32_t next_expected)
{
    uint32_t events = 0;

    while (store->lists[FLIGHT_STORE_SENT].first != NONE) {
        if (entry_at(store, store->lists[FLIGHT_STORE_SENT].first)->frame_seq >= next_expected) {
            break;
        }
        free_first(store, FLIGHT_STORE_SENT);
        store->settled++;
        events++;
    }
    return events;
}

uint32_t flight_store_rewind(flight_store *store)
{
    const uint32_t events = store->lists[FLIGHT_STORE_SENT].count;

    /* Those that wait go behind those that were sent: the lists change places when all have moved. */
    while (store->lists[FLIGHT_STORE_KEPT].first != NONE) {
        append(store, FLIGHT_STORE_SENT, take_first(store, FLIGHT_STORE_KEPT));
    }
    while (store->lists[FLIGHT_STORE_SENT].first != NONE) {
        append(store, FLIGHT_STORE_KEPT, take_first(store, FLIGHT_STORE_SENT));
    }
    return events;
}
