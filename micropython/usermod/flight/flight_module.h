/* The module flight_client for MicroPython, over the client in C. What its files share. */
#ifndef FLIGHT_MODULE_H
#define FLIGHT_MODULE_H

#include "py/obj.h"
#include "py/objstr.h"
#include "py/runtime.h"

#include "flight.h"

/* What emit() answers: the numbers of micropython/flight_client/ring.py and channel.py. */
#define QUEUED 1
#define REFUSED_FULL (-1)
#define REFUSED_TOO_LARGE (-2)
#define REFUSED_CHANNEL (-3)
#define REFUSED_CLOSED (-4)
#define REFUSED_MEMORY (-5)

#define HOST_BYTES 16u   /* an IPv4 address as text */
#define EVENT_FIELDS 9u  /* of the class that has most */
#define BODY_BYTES 1024u /* of the largest body that emit() writes */

/* One event: an object of Log, Payload, FrameTime, MemoryUpdate or SystemMonitoring. */
typedef struct event_object {
    mp_obj_base_t base;
    mp_obj_t values[EVENT_FIELDS]; /* by the place of the field in its body */
} event_object;

/* A Client. */
typedef struct client {
    mp_obj_base_t base;
    flight_client *inner;  /* in `memory` */
    uint32_t number;       /* of all that were made: the one that has the port is `present` */
    const flight_port *port;
    uint64_t *memory;
    mp_obj_t address, token, device_id, version, device_key; /* kept, since the client in C does not copy them */
    mp_obj_t names;        /* of its channels: name, number */
    mp_obj_t on_event, on_state;
    mp_obj_t raised;       /* by a handler: it waits for the end of poll() */
    uint8_t transport_list[FLIGHT_PROFILE_TRANSPORTS];
    char host[HOST_BYTES];
    uint32_t told_connections; /* as on_state was told last */
    uint8_t told_state;
} client;

extern const mp_obj_type_t flight_type_log;
extern const mp_obj_type_t flight_type_payload;
extern const mp_obj_type_t flight_type_frame_time;
extern const mp_obj_type_t flight_type_memory_update;
extern const mp_obj_type_t flight_type_system_monitoring;
extern const mp_obj_type_t flight_type_client;
extern const mp_obj_type_t flight_type_channel;
extern const mp_obj_type_t flight_type_emitter;
extern const mp_obj_type_t flight_type_received;

/* Write the body of an event to out, BODY_BYTES. Returns its bytes; layout: which it is. Raises ValueError for a value that does
 * not fit, TypeError for what is no event. */
size_t flight_event_write(mp_obj_t event, uint8_t *out, uint8_t *layout);

/* An event of a body. Raises ValueError where this module has no class for it, or where it is cut. */
mp_obj_t flight_event_read(uint8_t layout, uint16_t kind, const uint8_t *data, size_t bytes);

/* The client, if it has the port; raises RuntimeError where another one was made since. */
client *flight_client_of(mp_obj_t object);
int flight_client_is_present(const client *self);

/* Where a client stands; the word for it; and both as a program sees them. */
flight_status flight_status_now(const client *self);
qstr flight_state_name(const flight_status *status);
void flight_client_attr(mp_obj_t object, qstr name, mp_obj_t *destination);
MP_DECLARE_CONST_FUN_OBJ_1(flight_client_counters_object);
MP_DECLARE_CONST_FUN_OBJ_1(flight_client_memory_object);
MP_DECLARE_CONST_FUN_OBJ_2(flight_client_frame_took_object);

/* What the arguments of Client() say, in the words of the client in C; what must be kept is in self. Raises ValueError, OSError
 * for a name that nobody knows. */
void flight_configure(client *self, flight_config *config, size_t positional, size_t named, const mp_obj_t *values);

/* Raise ValueError with what a number of the client in C means. */
MP_NORETURN void flight_refuse(int code);

/* A channel of a client; critical: whether its events are kept, unless a call says otherwise. */
mp_obj_t flight_channel_new(mp_obj_t client, int number, mp_obj_t name, int critical);

/* Queue a body; QUEUED, or why not. */
mp_int_t flight_client_send(mp_obj_t client, int channel, uint8_t layout, const void *body, size_t bytes, int critical);

/* What a handler of `event` gets. */
mp_obj_t flight_received_new(const flight_message *message, mp_obj_t channel);

#endif
