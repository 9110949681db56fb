/* Client: the client in C behind the names of micropython/flight_client/client.py. It has the port of this machine to itself,
 * so there is one at a time: making another one ends the one before. Its memory is of MicroPython's heap, which never moves
 * what it gave. */
#include <string.h>
#include <unistd.h>

#include "flight_module.h"

#define WAIT_MOST_MS 20 /* the client in C cannot be woken by its socket */
#define NOTHING_TOLD 0xffu

/* Who has which port. Numbers, since a pointer to a client would outlive the heap at a soft reset. */
static uint32_t present;
static const flight_port *open_port;

/* Channels whose events are kept unless the program says otherwise: micropython/flight_client/profiles.py, CRITICAL. */
static const char *const critical_channels[] = {"component-events", "v6r-events", "commands", "command-results"};

client *flight_client_of(mp_obj_t object)
{
    client *self = MP_OBJ_TO_PTR(object);

    if (self->number != present) {
        mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("this client is over: another one was made"));
    }
    return self;
}

int flight_client_is_present(const client *self)
{
    return self->number == present;
}

static void let_go(void)
{
    present++;
    if (open_port != NULL) {
        open_port->close(open_port->io);
        if (open_port->probe_io != NULL) {
            open_port->close(open_port->probe_io);
        }
    }
    open_port = NULL;
}

/* ---- setting up ---- */

static mp_obj_t client_new(const mp_obj_type_t *type, size_t positional, size_t named, const mp_obj_t *values)
{
    flight_config config = {0};
    client *self;
    int bytes;

    self = mp_obj_malloc_with_finaliser(client, type);
    memset((char *)self + sizeof self->base, 0, sizeof *self - sizeof self->base);
    self->on_event = self->on_state = self->raised = mp_const_none;
    self->told_state = NOTHING_TOLD;
    self->port = &flight_port_here;
    self->names = mp_obj_new_list(0, NULL);
    flight_configure(self, &config, positional, named, values);
    bytes = flight_need(&config);
    if (bytes < 0) {
        flight_refuse(bytes);
    }
    self->memory = m_new(uint64_t, ((size_t)bytes + 7) / 8);
    let_go();
    self->inner = flight_init(self->memory, (size_t)bytes, &config, self->port);
    if (self->inner == NULL) {
        flight_refuse(flight_check(self->memory, (size_t)bytes, &config, self->port));
    }
    self->number = present;
    open_port = self->port;
    return MP_OBJ_FROM_PTR(self);
}

/* The collector has it: the connection goes with it. */
static mp_obj_t client_del(mp_obj_t object)
{
    const client *self = MP_OBJ_TO_PTR(object);

    if (self->inner != NULL && self->number == present) {
        let_go();
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(client_del_object, client_del);

/* ---- channels and events ---- */

static int number_of(client *self, mp_obj_t name)
{
    const int number = flight_channel(self->inner, mp_obj_str_get_str(name));

    if (number < 0) {
        flight_refuse(number);
    }
    mp_obj_list_append(self->names, name); /* the client in C points to it */
    mp_obj_list_append(self->names, MP_OBJ_NEW_SMALL_INT(number));
    return number;
}

/* channel(name, critical=None): a channel to emit on. */
static mp_obj_t client_channel(size_t count, const mp_obj_t *values, mp_map_t *named)
{
    static const mp_arg_t wanted[] = {
        {MP_QSTR_name, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_obj = MP_OBJ_NULL}},
        {MP_QSTR_critical, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}},
    };
    client *self = flight_client_of(values[0]);
    mp_arg_val_t said[MP_ARRAY_SIZE(wanted)];
    int critical = 0;
    size_t i;

    mp_arg_parse_all(count - 1, values + 1, named, MP_ARRAY_SIZE(wanted), wanted, said);
    for (i = 0; i < MP_ARRAY_SIZE(critical_channels); i++) {
        critical |= strcmp(critical_channels[i], mp_obj_str_get_str(said[0].u_obj)) == 0;
    }
    if (said[1].u_obj != mp_const_none) {
        critical = mp_obj_is_true(said[1].u_obj);
    }
    return flight_channel_new(values[0], number_of(self, said[0].u_obj), said[0].u_obj, critical);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(client_channel_object, 2, client_channel);

mp_int_t flight_client_send(mp_obj_t object, int channel, uint8_t layout, const void *body, size_t bytes, int critical)
{
    const client *self = MP_OBJ_TO_PTR(object);
    const unsigned flags = critical ? FLIGHT_CRITICAL : FLIGHT_LOSSY;

    if (self->number != present) {
        return REFUSED_CLOSED;
    }
    switch (flight_send_event(self->inner, channel, layout, body, bytes, flags)) {
    case FLIGHT_QUEUED:
    case FLIGHT_REPLACED:
    case FLIGHT_DROPPED_OLDEST:
        return QUEUED;
    case FLIGHT_REFUSED_FULL:
        return REFUSED_FULL;
    case FLIGHT_REFUSED_CLOSED:
        return REFUSED_CLOSED;
    default:
        return REFUSED_TOO_LARGE;
    }
}

static mp_obj_t name_of(const client *self, int number)
{
    size_t count;
    mp_obj_t *items;
    size_t i;

    mp_obj_get_array(self->names, &count, &items);
    for (i = 0; i + 1 < count; i += 2) {
        if (MP_OBJ_SMALL_INT_VALUE(items[i + 1]) == number) {
            return items[i];
        }
    }
    return MP_OBJ_NEW_QSTR(MP_QSTR_);
}

/* What a handler raises must not jump over the client in C: it is kept for the end of poll(). */
static void on_message(void *user, const flight_message *message)
{
    client *self = user;
    nlr_buf_t jump;

    if (self->on_event == mp_const_none || self->raised != mp_const_none) {
        return;
    }
    if (nlr_push(&jump) == 0) {
        mp_call_function_1(self->on_event, flight_received_new(message, name_of(self, message->channel)));
        nlr_pop();
    } else {
        self->raised = MP_OBJ_FROM_PTR(jump.ret_val);
    }
}

/* subscribe(name, last=0): its events go to the handler of `event`, from now on. */
static mp_obj_t client_subscribe(size_t count, const mp_obj_t *values)
{
    client *self = flight_client_of(values[0]);
    int error;

    if (count > 2 && mp_obj_get_int(values[2]) != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("last: this client hears what comes from now on"));
    }
    error = flight_on(self->inner, number_of(self, values[1]), on_message, self);
    if (error < 0) {
        flight_refuse(error);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(client_subscribe_object, 2, 3, client_subscribe);

/* on(what, handler): `event` (received) or `state` (state, reason); None for no handler. */
static mp_obj_t client_on(mp_obj_t object, mp_obj_t what, mp_obj_t handler)
{
    client *self = flight_client_of(object);

    if (mp_obj_equal(what, MP_OBJ_NEW_QSTR(MP_QSTR_event))) {
        self->on_event = handler;
    } else if (mp_obj_equal(what, MP_OBJ_NEW_QSTR(MP_QSTR_state))) {
        self->on_state = handler;
    } else {
        mp_raise_ValueError(MP_ERROR_TEXT("this client tells of event and state"));
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(client_on_object, client_on);

/* ---- living ---- */

static void tell_state(client *self, const flight_status *now)
{
    flight_status before = *now;
    const int is_new = self->told_state == NOTHING_TOLD;

    before.state = self->told_state;
    before.connections = self->told_connections;
    self->told_state = now->state;
    self->told_connections = now->connections;
    if (self->on_state != mp_const_none && (is_new || flight_state_name(&before) != flight_state_name(now))) {
        mp_call_function_2(self->on_state, MP_OBJ_NEW_QSTR(flight_state_name(now)),
                           MP_OBJ_NEW_SMALL_INT(now->state == FLIGHT_STATE_STOPPED ? now->reason : now->trouble));
    }
}

/* poll(budget_us=5000): everything there is to do, for about that long; in how many ms to call again. */
static mp_obj_t client_poll(size_t count, const mp_obj_t *values)
{
    client *self = flight_client_of(values[0]);
    const int bits = flight_poll(self->inner, count > 1 ? (uint32_t)mp_obj_get_int(values[1]) : 5000u);
    const flight_status now = flight_status_now(self);

    if (self->raised != mp_const_none) {
        const mp_obj_t raised = self->raised;

        self->raised = mp_const_none;
        nlr_raise(raised);
    }
    tell_state(self, &now);
    return MP_OBJ_NEW_SMALL_INT(bits & FLIGHT_BACKLOG ? 0 : (mp_int_t)(now.wait_ms & 0x3fffffffu));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(client_poll_object, 1, 2, client_poll);

/* wait(ms): sleeps, at most so long. */
static mp_obj_t client_wait(mp_obj_t object, mp_obj_t wait_ms)
{
    const mp_int_t ms = mp_obj_get_int(wait_ms);

    (void)object;
    mp_handle_pending(true); /* Ctrl-C */
    usleep(1000u * (unsigned)(ms < 0 ? 0 : ms > WAIT_MOST_MS ? WAIT_MOST_MS : ms));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(client_wait_object, client_wait);

static mp_obj_t client_pause(mp_obj_t object)
{
    flight_pause(flight_client_of(object)->inner);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(client_pause_object, client_pause);

static mp_obj_t client_resume(mp_obj_t object)
{
    flight_go_on(flight_client_of(object)->inner);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(client_resume_object, client_resume);

static mp_obj_t client_close(mp_obj_t object)
{
    flight_close(flight_client_of(object)->inner);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(client_close_object, client_close);

static const mp_rom_map_elem_t client_names[] = {
    {MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&client_del_object)},
    {MP_ROM_QSTR(MP_QSTR_channel), MP_ROM_PTR(&client_channel_object)},
    {MP_ROM_QSTR(MP_QSTR_subscribe), MP_ROM_PTR(&client_subscribe_object)},
    {MP_ROM_QSTR(MP_QSTR_on), MP_ROM_PTR(&client_on_object)},
    {MP_ROM_QSTR(MP_QSTR_poll), MP_ROM_PTR(&client_poll_object)},
    {MP_ROM_QSTR(MP_QSTR_wait), MP_ROM_PTR(&client_wait_object)},
    {MP_ROM_QSTR(MP_QSTR_pause), MP_ROM_PTR(&client_pause_object)},
    {MP_ROM_QSTR(MP_QSTR_resume), MP_ROM_PTR(&client_resume_object)},
    {MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&client_close_object)},
    {MP_ROM_QSTR(MP_QSTR_memory), MP_ROM_PTR(&flight_client_memory_object)},
    {MP_ROM_QSTR(MP_QSTR_frame_took), MP_ROM_PTR(&flight_client_frame_took_object)},
    {MP_ROM_QSTR(MP_QSTR_counters), MP_ROM_PTR(&flight_client_counters_object)},
};
static MP_DEFINE_CONST_DICT(client_dict, client_names);
MP_DEFINE_CONST_OBJ_TYPE(flight_type_client, MP_QSTR_Client, MP_TYPE_FLAG_NONE, make_new, client_new, attr, flight_client_attr,
                         locals_dict, &client_dict);
