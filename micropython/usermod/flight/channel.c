/* Channel, Emitter and Received: what a program holds beside its client. */
#include <string.h>

#include "flight_module.h"

typedef struct channel {
    mp_obj_base_t base;
    mp_obj_t client;
    mp_obj_t name;
    int number;
    int critical;
} channel;

typedef struct emitter {
    mp_obj_base_t base;
    mp_obj_t channel;
    mp_obj_t body;
    uint8_t layout;
    uint8_t critical;
} emitter;

typedef struct received {
    mp_obj_base_t base;
    mp_obj_t channel;
    mp_obj_t device_id;
    mp_obj_t data;
    mp_int_t age_ms;
    uint16_t kind;
    uint8_t layout;
} received;

static int is_critical(const channel *self, mp_obj_t said)
{
    return said == mp_const_none ? self->critical : mp_obj_is_true(said);
}

/* emit(event, critical=None): QUEUED, or why not. */
static mp_obj_t channel_emit(size_t count, const mp_obj_t *values, mp_map_t *named)
{
    static const mp_arg_t arguments[] = {
        {MP_QSTR_event, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_obj = MP_OBJ_NULL}},
        {MP_QSTR_critical, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}},
    };
    const channel *self = MP_OBJ_TO_PTR(values[0]);
    uint32_t body[BODY_BYTES / 4];
    mp_arg_val_t said[MP_ARRAY_SIZE(arguments)];
    uint8_t layout;
    size_t bytes;

    mp_arg_parse_all(count - 1, values + 1, named, MP_ARRAY_SIZE(arguments), arguments, said);
    bytes = flight_event_write(said[0].u_obj, (uint8_t *)body, &layout);
    return MP_OBJ_NEW_SMALL_INT(
        flight_client_send(self->client, self->number, layout, body, bytes, is_critical(self, said[1].u_obj)));
}
static MP_DEFINE_CONST_FUN_OBJ_KW(channel_emit_object, 2, channel_emit);

/* emit_encoded(layout, body, count, critical=None): the first bytes of a body that was written before. */
static mp_obj_t channel_emit_encoded(size_t count, const mp_obj_t *values)
{
    const channel *self = MP_OBJ_TO_PTR(values[0]);
    const mp_int_t bytes = mp_obj_get_int(values[3]);
    mp_buffer_info_t body;

    mp_get_buffer_raise(values[2], &body, MP_BUFFER_READ);
    if (bytes < 0 || (size_t)bytes > body.len || bytes % 4 != 0) {
        return MP_OBJ_NEW_SMALL_INT(REFUSED_TOO_LARGE);
    }
    return MP_OBJ_NEW_SMALL_INT(flight_client_send(self->client, self->number, (uint8_t)mp_obj_get_int(values[1]), body.buf,
                                                   (size_t)bytes,
                                                   is_critical(self, count > 4 ? values[4] : mp_const_none)));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(channel_emit_encoded_object, 4, 5, channel_emit_encoded);

#if MICROPY_PY_BUILTINS_BYTEARRAY
/* emitter(layout, body_bytes, critical=None): fill `body`, then emit(); it takes no heap. */
static mp_obj_t channel_emitter(size_t count, const mp_obj_t *values)
{
    const channel *self = MP_OBJ_TO_PTR(values[0]);
    const mp_int_t bytes = mp_obj_get_int(values[2]);
    emitter *made;

    if (bytes <= 0 || bytes % 4 != 0 || bytes > (mp_int_t)BODY_BYTES) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("a body has 4 to %d bytes, a multiple of 4"), (int)BODY_BYTES);
    }
    made = mp_obj_malloc(emitter, &flight_type_emitter);
    made->channel = values[0];
    made->body = mp_obj_new_bytearray((size_t)bytes, m_new0(byte, (size_t)bytes));
    made->layout = (uint8_t)mp_obj_get_int(values[1]);
    made->critical = (uint8_t)is_critical(self, count > 3 ? values[3] : mp_const_none);
    return MP_OBJ_FROM_PTR(made);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(channel_emitter_object, 3, 4, channel_emitter);
#endif

static void channel_attr(mp_obj_t object, qstr name, mp_obj_t *destination)
{
    const channel *self = MP_OBJ_TO_PTR(object);

    if (destination[0] != MP_OBJ_NULL) {
        return;
    }
    if (name == MP_QSTR_name) {
        destination[0] = self->name;
    } else if (name == MP_QSTR_number) {
        destination[0] = MP_OBJ_NEW_SMALL_INT(self->number);
    } else if (name == MP_QSTR_critical) {
        destination[0] = mp_obj_new_bool(self->critical);
    } else {
        destination[1] = MP_OBJ_SENTINEL; /* a method */
    }
}

static const mp_rom_map_elem_t channel_names[] = {
    {MP_ROM_QSTR(MP_QSTR_emit), MP_ROM_PTR(&channel_emit_object)},
    {MP_ROM_QSTR(MP_QSTR_emit_encoded), MP_ROM_PTR(&channel_emit_encoded_object)},
#if MICROPY_PY_BUILTINS_BYTEARRAY
    {MP_ROM_QSTR(MP_QSTR_emitter), MP_ROM_PTR(&channel_emitter_object)},
#endif
};
static MP_DEFINE_CONST_DICT(channel_dict, channel_names);
MP_DEFINE_CONST_OBJ_TYPE(flight_type_channel, MP_QSTR_Channel, MP_TYPE_FLAG_NONE, attr, channel_attr, locals_dict,
                         &channel_dict);

mp_obj_t flight_channel_new(mp_obj_t client, int number, mp_obj_t name, int critical)
{
    channel *made = mp_obj_malloc(channel, &flight_type_channel);

    made->client = client;
    made->name = name;
    made->number = number;
    made->critical = critical;
    return MP_OBJ_FROM_PTR(made);
}

/* ---- emitter ---- */

static mp_obj_t emitter_emit(mp_obj_t object)
{
    const emitter *self = MP_OBJ_TO_PTR(object);
    const channel *where = MP_OBJ_TO_PTR(self->channel);
    mp_buffer_info_t body;

    mp_get_buffer_raise(self->body, &body, MP_BUFFER_READ);
    return MP_OBJ_NEW_SMALL_INT(
        flight_client_send(where->client, where->number, self->layout, body.buf, body.len & ~(size_t)3, self->critical));
}
static MP_DEFINE_CONST_FUN_OBJ_1(emitter_emit_object, emitter_emit);

static void emitter_attr(mp_obj_t object, qstr name, mp_obj_t *destination)
{
    if (destination[0] == MP_OBJ_NULL && name == MP_QSTR_body) {
        destination[0] = ((const emitter *)MP_OBJ_TO_PTR(object))->body;
    } else if (destination[0] == MP_OBJ_NULL) {
        destination[1] = MP_OBJ_SENTINEL;
    }
}

static const mp_rom_map_elem_t emitter_names[] = {
    {MP_ROM_QSTR(MP_QSTR_emit), MP_ROM_PTR(&emitter_emit_object)},
};
static MP_DEFINE_CONST_DICT(emitter_dict, emitter_names);
MP_DEFINE_CONST_OBJ_TYPE(flight_type_emitter, MP_QSTR_Emitter, MP_TYPE_FLAG_NONE, attr, emitter_attr, locals_dict,
                         &emitter_dict);

/* ---- received ---- */

mp_obj_t flight_received_new(const flight_message *message, mp_obj_t channel)
{
    received *made = mp_obj_malloc(received, &flight_type_received);

    made->channel = channel;
    made->device_id = mp_obj_new_str(message->source, message->source_bytes);
    made->data = mp_obj_new_bytes(message->data, message->bytes);
    made->age_ms = message->age_ms == FLIGHT_AGE_NONE ? -1 : (mp_int_t)(message->age_ms & 0x3fffffffu);
    made->kind = message->kind;
    made->layout = message->layout;
    return MP_OBJ_FROM_PTR(made);
}

/* event(): the event as an object. */
static mp_obj_t received_event(mp_obj_t object)
{
    const received *self = MP_OBJ_TO_PTR(object);
    mp_buffer_info_t data;

    mp_get_buffer_raise(self->data, &data, MP_BUFFER_READ);
    return flight_event_read(self->layout, self->kind, data.buf, data.len);
}
static MP_DEFINE_CONST_FUN_OBJ_1(received_event_object, received_event);

static void received_attr(mp_obj_t object, qstr name, mp_obj_t *destination)
{
    const received *self = MP_OBJ_TO_PTR(object);

    if (destination[0] != MP_OBJ_NULL) {
        return;
    }
    if (name == MP_QSTR_channel) {
        destination[0] = self->channel;
    } else if (name == MP_QSTR_device_id) {
        destination[0] = self->device_id;
    } else if (name == MP_QSTR_data) {
        destination[0] = self->data;
    } else if (name == MP_QSTR_age_ms) {
        destination[0] = MP_OBJ_NEW_SMALL_INT(self->age_ms);
    } else if (name == MP_QSTR_kind) {
        destination[0] = MP_OBJ_NEW_SMALL_INT(self->kind);
    } else if (name == MP_QSTR_layout) {
        destination[0] = MP_OBJ_NEW_SMALL_INT(self->layout);
    } else {
        destination[1] = MP_OBJ_SENTINEL;
    }
}

static const mp_rom_map_elem_t received_names[] = {
    {MP_ROM_QSTR(MP_QSTR_event), MP_ROM_PTR(&received_event_object)},
};
static MP_DEFINE_CONST_DICT(received_dict, received_names);
MP_DEFINE_CONST_OBJ_TYPE(flight_type_received, MP_QSTR_Received, MP_TYPE_FLAG_NONE, attr, received_attr, locals_dict,
                         &received_dict);
