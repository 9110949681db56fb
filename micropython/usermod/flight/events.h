/* The classes of events: which fields they have, and how those stand in a body. */
#ifndef FLIGHT_EVENTS_H
#define FLIGHT_EVENTS_H

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

#define EVENT_CLASSES 5u

extern const event_class flight_event_classes[EVENT_CLASSES];

/* The class of objects of this type; null: they are no events. */
const event_class *flight_class_of(const mp_obj_type_t *type);

#endif
