/* Events to bodies and back. */
#include <math.h>
#include <string.h>

#include "events.h"

static const uint16_t level_names[] = {MP_QSTR_debug, MP_QSTR_info, MP_QSTR_warning, MP_QSTR_error};

static MP_NORETURN void does_not_fit(const field *about)
{
    mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%q: a value that the event cannot carry"), (qstr)about->name);
}

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
    const event_class *about = mp_obj_is_obj(object) ? flight_class_of(mp_obj_get_type(object)) : NULL;
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

    for (i = 0; i < EVENT_CLASSES; i++) {
        if (flight_event_classes[i].layout == (layout & ~FLIGHT_LAYOUT_WIDE)) {
            about = &flight_event_classes[i];
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
