/* What a program may look at of its client (state, reason, queued, counters()), and what the client tells of its machine. */
#include "flight_module.h"
#include "py/smallint.h"

flight_status flight_status_now(const client *self)
{
    flight_status status;

    flight_status_of(self->inner, &status);
    return status;
}

qstr flight_state_name(const flight_status *status)
{
    switch (status->state) {
    case FLIGHT_STATE_READY:
    case FLIGHT_STATE_CLOSING:
        return MP_QSTR_connected;
    case FLIGHT_STATE_CLOSED:
        return MP_QSTR_closed;
    case FLIGHT_STATE_STOPPED:
        return MP_QSTR_failed;
    case FLIGHT_STATE_IDLE:
    case FLIGHT_STATE_PAUSED:
        return MP_QSTR_disconnected;
    default:
        return status->connections != 0 ? MP_QSTR_reconnecting : MP_QSTR_connecting;
    }
}

static void store(mp_obj_t dict, qstr name, uint32_t value)
{
#if MICROPY_LONGINT_IMPL == MICROPY_LONGINT_IMPL_NONE
    value &= (uint32_t)MP_SMALL_INT_MAX;
#endif
    mp_obj_dict_store(dict, MP_OBJ_NEW_QSTR(name), mp_obj_new_int_from_uint(value));
}

/* counters(): accepted == settled + queued + the sum of dropped, at any moment. */
static mp_obj_t client_counters(mp_obj_t object)
{
    static const uint16_t causes[] = {
        MP_QSTRnull,  MP_QSTR_oldest, MP_QSTR_link,        MP_QSTR_refused, MP_QSTR_closed,   MP_QSTR_full,
        MP_QSTR_large, MP_QSTR_unconfirmed, MP_QSTR_expired, MP_QSTR_replaced, MP_QSTR_pressure,
    };
    const flight_status now = flight_status_now(flight_client_of(object));
    const mp_obj_t counters = mp_obj_new_dict(0);
    const mp_obj_t dropped = mp_obj_new_dict(0);
    const mp_obj_t refused = mp_obj_new_dict(0);
    size_t i;

    MP_STATIC_ASSERT(MP_ARRAY_SIZE(causes) == FLIGHT_DROP_PRESSURE + 1u);
    for (i = 1; i < MP_ARRAY_SIZE(causes); i++) {
        store(dropped, causes[i] == MP_QSTR_large ? qstr_from_str("too-large") : causes[i], now.dropped[i]);
    }
    store(refused, MP_QSTR_full, now.refused_full);
    store(refused, qstr_from_str("too-large"), now.refused_too_large);
    store(counters, MP_QSTR_accepted, now.accepted);
    store(counters, MP_QSTR_settled, now.settled);
    store(counters, MP_QSTR_queued, now.queued);
    store(counters, MP_QSTR_delivered, now.received);
    store(counters, MP_QSTR_connections, now.connections);
    mp_obj_dict_store(counters, MP_OBJ_NEW_QSTR(MP_QSTR_dropped), dropped);
    mp_obj_dict_store(counters, MP_OBJ_NEW_QSTR(MP_QSTR_refused_emits), refused);
    return counters;
}
MP_DEFINE_CONST_FUN_OBJ_1(flight_client_counters_object, client_counters);

void flight_client_attr(mp_obj_t object, qstr name, mp_obj_t *destination)
{
    client *self = MP_OBJ_TO_PTR(object);
    flight_status now;

    if (destination[0] != MP_OBJ_NULL) {
        return;
    }
    if (!flight_client_is_present(self) || (name != MP_QSTR_state && name != MP_QSTR_reason && name != MP_QSTR_queued)) {
        destination[1] = MP_OBJ_SENTINEL; /* a method */
        return;
    }
    now = flight_status_now(self);
    if (name == MP_QSTR_state) {
        destination[0] = MP_OBJ_NEW_QSTR(flight_state_name(&now));
    } else {
        destination[0] = mp_obj_new_int_from_uint(name == MP_QSTR_queued ? now.queued : now.reason);
    }
}

/* memory(): the machine's memory as an event on `memory-updates`. */
static mp_obj_t client_memory(mp_obj_t object)
{
    return mp_obj_new_bool(flight_memory(flight_client_of(object)->inner) >= 0);
}
MP_DEFINE_CONST_FUN_OBJ_1(flight_client_memory_object, client_memory);

/* frame_took(us): a frame was drawn; all of a second become one event. */
static mp_obj_t client_frame_took(mp_obj_t object, mp_obj_t us)
{
    return mp_obj_new_bool(flight_frame_took(flight_client_of(object)->inner, (uint32_t)mp_obj_get_int(us)) >= 0);
}
MP_DEFINE_CONST_FUN_OBJ_2(flight_client_frame_took_object, client_frame_took);
