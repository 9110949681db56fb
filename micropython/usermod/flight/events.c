/* The events as Python objects: written into a body, and read from one. The tables say what flight_spec.h says of the fixed
 * parts; a tail, where there is one, comes last. */
#include <math.h>
#include <string.h>

#include "flight_module.h"

/* How a field stands in the body. */
enum { U8, U16, S16, U32, SIZE /* u32, in a wide body u64 */, TEXT, DATA };

/* What a field has where the program gives nothing. */
enum { UNKNOWN /* may be None: all bits set */, REQUIRED, ZERO, INFO, NO_BYTES };

typedef struct field {
    uint16_t name;  /* a qstr; MP_QSTRnull: reserved, 0 */
    uint16_t scale; /* 1: a whole number; else the number times this */
    uint16_t limit; /* bytes of a tail */
    uint8_t form;
    uint8_t given;
} field;

typedef struct event_class {
    const mp_obj_type_t *type;
    const field *fields; /* in the order of the body */
    const uint8_t *order; /* of the arguments: places in fields */
    uint8_t layout;
    uint8_t count;     /* of fields */
    uint8_t arguments; /* of order */
} event_class;

static const uint16_t level_names[] = {MP_QSTR_debug, MP_QSTR_info, MP_QSTR_warning, MP_QSTR_error};

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

static const event_class classes[] = {
    CLASS(flight_type_memory_update, memory_update_fields, in_order, FLIGHT_LAYOUT_MEMORY_UPDATE, 5),
    CLASS(flight_type_system_monitoring, system_monitoring_fields, in_order, FLIGHT_LAYOUT_SYSTEM_MONITORING, 9),
    CLASS(flight_type_log, log_fields, log_order, FLIGHT_LAYOUT_LOG, 2),
    CLASS(flight_type_frame_time, frame_time_fields, in_order, FLIGHT_LAYOUT_FRAME_TIME, 5),
    CLASS(flight_type_payload, payload_fields, payload_order, FLIGHT_LAYOUT_PAYLOAD, 2),
};

static const event_class *class_of(const mp_obj_type_t *type)
{
    size_t i;

    for (i = 0; i < MP_ARRAY_SIZE(classes); i++) {
        if (classes[i].type == type) {
            return &classes[i];
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

static MP_NORETURN void does_not_fit(const field *about)
{
    mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%q: a value that the event cannot carry"), (qstr)about->name);
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
    const event_class *about = class_of(type);
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

    if (field_of(class_of(event->base.type), name, &place) == NULL) {
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

/* ---- writing ---- */

static size_t size_of(const field *about, int wide)
{
    switch (about->form) {
    case U8:
        return 1;
    case U16:
    case S16:
        return 2;
    case SIZE:
        return wide ? 8 : 4;
    default:
        return 4;
    }
}

static void put(uint8_t *out, size_t bytes, uint64_t value)
{
    while (bytes-- > 0) {
        *out++ = (uint8_t)value;
        value >>= 8;
    }
}

static int64_t level_of(const field *about, mp_obj_t value)
{
    size_t i;

    for (i = 0; i < MP_ARRAY_SIZE(level_names); i++) {
        if (mp_obj_is_str(value) && mp_obj_equal(value, MP_OBJ_NEW_QSTR(level_names[i]))) {
            return (int64_t)i;
        }
    }
    does_not_fit(about);
}

/* The number as it stands in the body. */
static int64_t number_of(const field *about, mp_obj_t value)
{
    const int64_t lowest = about->form == S16 ? -0x7fff : 0; /* -0x8000 says unknown */
    int64_t highest = about->form == S16 ? 0x7fff : about->form == U16 ? 0xffff : 0xffffffff;
    int64_t number;

    if (about->name == MP_QSTR_level) {
        return level_of(about, value);
    }
    if (about->given == UNKNOWN) {
        if (value == mp_const_none) {
            return about->form == S16 ? -0x8000 : -1;
        }
        highest -= about->form != S16;
    }
#if MICROPY_PY_BUILTINS_FLOAT
    if (about->scale != 1 && (mp_obj_is_float(value) || mp_obj_is_int(value))) {
        const mp_float_t exact = mp_obj_get_float(value) * (mp_float_t)about->scale;

        if (!(exact > (mp_float_t)-0x8000 && exact < (mp_float_t)0x10000)) { /* NaN is neither */
            does_not_fit(about);
        }
        number = (int64_t)MICROPY_FLOAT_C_FUN(nearbyint)(exact);
    } else
#endif
    if (mp_obj_is_small_int(value)) {
        number = (int64_t)MP_OBJ_SMALL_INT_VALUE(value) * about->scale;
#if MICROPY_LONGINT_IMPL != MICROPY_LONGINT_IMPL_NONE
    } else if (mp_obj_is_int(value)) {
        if (mp_obj_is_true(mp_binary_op(MP_BINARY_OP_MORE, value, mp_obj_new_int_from_uint(0xffffffffu))) ||
            mp_obj_is_true(mp_binary_op(MP_BINARY_OP_LESS, value, MP_OBJ_NEW_SMALL_INT(0)))) {
            does_not_fit(about);
        }
        number = (int64_t)mp_obj_int_get_uint_checked(value);
#endif
    } else {
        does_not_fit(about);
    }
    if (number < lowest || number > highest) {
        does_not_fit(about);
    }
    return number;
}

static size_t put_tail(const field *about, mp_obj_t value, uint8_t *out, size_t at)
{
    mp_buffer_info_t data;

    if ((about->form == TEXT) != mp_obj_is_str(value)) {
        does_not_fit(about);
    }
    if (!mp_get_buffer(value, &data, MP_BUFFER_READ) || data.len > about->limit || at + 2 + data.len + 3 > BODY_BYTES) {
        does_not_fit(about);
    }
    put(out + at, 2, data.len);
    memcpy(out + at + 2, data.buf, data.len);
    return at + 2 + data.len;
}

size_t flight_event_write(mp_obj_t object, uint8_t *out, uint8_t *layout)
{
    const event_class *about = mp_obj_is_obj(object) ? class_of(mp_obj_get_type(object)) : NULL;
    const event_object *event;
    size_t at = 0;
    size_t i;

    if (about == NULL) {
        mp_raise_TypeError(MP_ERROR_TEXT("no event: Log, Payload, FrameTime, MemoryUpdate, SystemMonitoring"));
    }
    event = MP_OBJ_TO_PTR(object);
    *layout = about->layout;
    for (i = 0; i < about->count; i++) {
        const field *each = &about->fields[i];

        if (each->form >= TEXT) {
            at = put_tail(each, event->values[i], out, at);
        } else if (each->name == MP_QSTRnull) {
            put(out + at, size_of(each, 0), 0);
            at += size_of(each, 0);
        } else {
            put(out + at, size_of(each, 0), (uint64_t)number_of(each, event->values[i]));
            at += size_of(each, 0);
        }
    }
    while (at % 4 != 0) {
        out[at++] = 0;
    }
    return at;
}

/* ---- reading ---- */

static mp_obj_t number_read(const field *about, const uint8_t *data, size_t bytes)
{
    uint64_t value = 0;
    size_t i;

    for (i = bytes; i-- > 0;) {
        value = value << 8 | data[i];
    }
    if (about->given == UNKNOWN && value == (about->form == S16 ? 0x8000u : bytes == 8 ? UINT64_MAX : (1ull << 8 * bytes) - 1)) {
        return mp_const_none;
    }
    if (about->name == MP_QSTR_level) {
        return value < MP_ARRAY_SIZE(level_names) ? MP_OBJ_NEW_QSTR(level_names[value]) : mp_const_none;
    }
#if MICROPY_PY_BUILTINS_FLOAT
    if (about->scale != 1) {
        const mp_float_t number = about->form == S16 ? (mp_float_t)(int16_t)value : (mp_float_t)value;

        return mp_obj_new_float(number / (mp_float_t)about->scale);
    }
#endif
    return about->form == S16 ? mp_obj_new_int((int16_t)value) : mp_obj_new_int_from_ull(value);
}

static mp_obj_t tail_read(const field *about, const uint8_t *data, size_t bytes, size_t at)
{
    const size_t count = at + 2 <= bytes ? (size_t)(data[at] | data[at + 1] << 8) : bytes;

    if (at + 2 + count > bytes) {
        mp_raise_ValueError(MP_ERROR_TEXT("an event that is cut"));
    }
    return about->form == TEXT ? mp_obj_new_str((const char *)data + at + 2, count) : mp_obj_new_bytes(data + at + 2, count);
}

mp_obj_t flight_event_read(uint8_t layout, uint16_t kind, const uint8_t *data, size_t bytes)
{
    const int wide = (layout & FLIGHT_LAYOUT_WIDE) != 0;
    const event_class *about = NULL;
    event_object *event;
    size_t at = 0;
    size_t i;

    for (i = 0; i < MP_ARRAY_SIZE(classes); i++) {
        if (classes[i].layout == (layout & ~FLIGHT_LAYOUT_WIDE)) {
            about = &classes[i];
        }
    }
    if (about == NULL) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("no class for layout %d here: look at received.data"), (int)layout);
    }
    event = mp_obj_malloc(event_object, about->type);
    for (i = 0; i < EVENT_FIELDS; i++) {
        event->values[i] = mp_const_none;
    }
    if (about->layout == FLIGHT_LAYOUT_PAYLOAD) { /* the client in C has taken it apart */
        event->values[0] = MP_OBJ_NEW_SMALL_INT(kind);
        event->values[2] = mp_obj_new_bytes(data, bytes);
        return MP_OBJ_FROM_PTR(event);
    }
    for (i = 0; i < about->count; i++) {
        const field *each = &about->fields[i];
        const size_t size = size_of(each, wide);

        if (each->form >= TEXT) {
            event->values[i] = tail_read(each, data, bytes, at);
        } else if (at + size > bytes) {
            mp_raise_ValueError(MP_ERROR_TEXT("an event that is cut"));
        } else if (each->name != MP_QSTRnull) {
            event->values[i] = number_read(each, data + at, size);
        }
        at += each->form >= TEXT ? 0 : size;
    }
    return MP_OBJ_FROM_PTR(event);
}
