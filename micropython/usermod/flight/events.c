/* The events as Python objects. The tables say what flight_spec.h says of the fixed parts; a tail, where there is one, comes
 * last. */
#include "events.h"

static const field log_fields[] = {
    {MP_QSTR_level, 1, 0, U8, INFO}, {MP_QSTRnull, 1, 0, U8, ZERO}, {MP_QSTRnull, 1, 0, U16, ZERO},
    {MP_QSTR_text, 1, 480, TEXT, REQUIRED},
};
static const field payload_fields[] = {
    {MP_QSTR_kind, 1, 0, U16, REQUIRED}, {MP_QSTRnull, 1, 0, U16, ZERO}, {MP_QSTR_data, 1, 0xffff, DATA, NO_BYTES},
};
static const field frame_time_fields[] = {
    {MP_QSTR_minimum_us, 1, 0, U32, REQUIRED}, {MP_QSTR_mean_us, 1, 0, U32, REQUIRED},
    {MP_QSTR_maximum_us, 1, 0, U32, REQUIRED}, {MP_QSTR_count, 1, 0, U16, REQUIRED},
    {MP_QSTR_over_budget, 1, 0, U16, ZERO},
};
static const field memory_update_fields[] = {
    {MP_QSTR_total_bytes, 1, 0, SIZE, UNKNOWN}, {MP_QSTR_used_bytes, 1, 0, SIZE, UNKNOWN},
    {MP_QSTR_available_bytes, 1, 0, SIZE, UNKNOWN}, {MP_QSTR_budget_bytes, 1, 0, SIZE, UNKNOWN},
    {MP_QSTR_fragmentation, 10000, 0, U16, UNKNOWN}, {MP_QSTRnull, 1, 0, U16, ZERO},
};
static const field system_monitoring_fields[] = {
    {MP_QSTR_memory_used_bytes, 1, 0, SIZE, UNKNOWN}, {MP_QSTR_network_received_bytes, 1, 0, SIZE, UNKNOWN},
    {MP_QSTR_network_sent_bytes, 1, 0, SIZE, UNKNOWN}, {MP_QSTR_dropped_events, 1, 0, U32, UNKNOWN},
    {MP_QSTR_cpu, 10000, 0, U16, UNKNOWN}, {MP_QSTR_battery, 10000, 0, U16, UNKNOWN},
    {MP_QSTR_temperature_c, 100, 0, S16, UNKNOWN}, {MP_QSTR_frames_per_second, 100, 0, U16, UNKNOWN},
    {MP_QSTR_queue_fill, 10000, 0, U16, UNKNOWN}, {MP_QSTRnull, 1, 0, U16, ZERO},
};

static const uint8_t in_order[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t log_order[] = {3, 0};
static const uint8_t payload_order[] = {0, 2};

#define CLASS(type, fields, order, layout, arguments) \
    {&type, fields, order, layout, MP_ARRAY_SIZE(fields), arguments}

const event_class flight_event_classes[EVENT_CLASSES] = {
    CLASS(flight_type_memory_update, memory_update_fields, in_order, FLIGHT_LAYOUT_MEMORY_UPDATE, 5),
    CLASS(flight_type_system_monitoring, system_monitoring_fields, in_order, FLIGHT_LAYOUT_SYSTEM_MONITORING, 9),
    CLASS(flight_type_log, log_fields, log_order, FLIGHT_LAYOUT_LOG, 2),
    CLASS(flight_type_frame_time, frame_time_fields, in_order, FLIGHT_LAYOUT_FRAME_TIME, 5),
    CLASS(flight_type_payload, payload_fields, payload_order, FLIGHT_LAYOUT_PAYLOAD, 2),
};

const event_class *flight_class_of(const mp_obj_type_t *type)
{
    size_t i;

    for (i = 0; i < EVENT_CLASSES; i++) {
        if (flight_event_classes[i].type == type) {
            return &flight_event_classes[i];
        }
    }
    return NULL;
}

static const field *field_of(const event_class *about, qstr name, size_t *place)
{
    size_t i;

    for (i = 0; i < about->arguments; i++) {
        *place = about->order[i];
        if (about->fields[*place].name == name) {
            return &about->fields[*place];
        }
    }
    return NULL;
}

/* ---- objects ---- */

static mp_obj_t given(const field *about)
{
    switch (about->given) {
    case ZERO:
        return MP_OBJ_NEW_SMALL_INT(0);
    case INFO:
        return MP_OBJ_NEW_QSTR(MP_QSTR_info);
    case NO_BYTES:
        return mp_const_empty_bytes;
    default:
        return mp_const_none;
    }
}

static mp_obj_t event_new(const mp_obj_type_t *type, size_t positional, size_t named, const mp_obj_t *values)
{
    const event_class *about = flight_class_of(type);
    event_object *event = mp_obj_malloc(event_object, type);
    uint32_t seen = 0;
    size_t i;

    mp_arg_check_num(positional, named, 0, about->arguments, true);
    for (i = 0; i < EVENT_FIELDS; i++) {
        event->values[i] = i < about->count ? given(&about->fields[i]) : mp_const_none;
    }
    for (i = 0; i < positional + named; i++) {
        size_t place = i < positional ? about->order[i] : 0;

        if (i < positional) {
            event->values[place] = values[i];
        } else {
            const mp_obj_t *pair = values + positional + 2 * (i - positional);

            if (field_of(about, mp_obj_str_get_qstr(pair[0]), &place) == NULL) {
                mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("no field %q"), mp_obj_str_get_qstr(pair[0]));
            }
            event->values[place] = pair[1];
        }
        seen |= 1u << place;
    }
    for (i = 0; i < about->count; i++) {
        if (about->fields[i].given == REQUIRED && !(seen >> i & 1u)) {
            mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("%q is missing"), (qstr)about->fields[i].name);
        }
    }
    return MP_OBJ_FROM_PTR(event);
}

static void event_attr(mp_obj_t self, qstr name, mp_obj_t *destination)
{
    event_object *event = MP_OBJ_TO_PTR(self);
    size_t place;

    if (field_of(flight_class_of(event->base.type), name, &place) == NULL) {
        return;
    }
    if (destination[0] == MP_OBJ_NULL) {
        destination[0] = event->values[place];
    } else if (destination[1] != MP_OBJ_NULL) {
        event->values[place] = destination[1];
        destination[0] = MP_OBJ_NULL;
    }
}

#define EVENT_TYPE(type, name) MP_DEFINE_CONST_OBJ_TYPE(type, name, MP_TYPE_FLAG_NONE, make_new, event_new, attr, event_attr)

EVENT_TYPE(flight_type_log, MP_QSTR_Log);
EVENT_TYPE(flight_type_payload, MP_QSTR_Payload);
EVENT_TYPE(flight_type_frame_time, MP_QSTR_FrameTime);
EVENT_TYPE(flight_type_memory_update, MP_QSTR_MemoryUpdate);
EVENT_TYPE(flight_type_system_monitoring, MP_QSTR_SystemMonitoring);
