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

#define EVENT_FIELDS 9u  /* of the class that has most */
#define BODY_BYTES 1024u /* of the largest body that emit() writes */

/* One event: an object of Log, Payload, FrameTime, MemoryUpdate or SystemMonitoring. */
typedef struct event_object {
    mp_obj_base_t base;
    mp_obj_t values[EVENT_FIELDS]; /* by the place of the field in its body */
} event_object;

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

/* A channel of a client; critical: whether its events are kept, unless a call says otherwise. */
mp_obj_t flight_channel_new(mp_obj_t client, int number, mp_obj_t name, int critical);

/* Queue a body; QUEUED, or why not. */
mp_int_t flight_client_send(mp_obj_t client, int channel, uint8_t layout, const void *body, size_t bytes, int critical);

/* What a handler of `event` gets. */
mp_obj_t flight_received_new(const flight_message *message, mp_obj_t channel);

#endif
