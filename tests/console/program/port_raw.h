/* A port on Linux system calls, for programs without a C library; tests only. */
#ifndef PORT_RAW_H
#define PORT_RAW_H

#include "flight_port.h"

#define RAW_RECORDS 3u
#define RAW_RECORD_BYTES 160u

/* One connection, and records that outlive the client (not the process). */
typedef struct port_raw {
    int file; /* of the socket; -1: none */
    uint8_t address[16];
    uint8_t records[RAW_RECORDS][RAW_RECORD_BYTES];
    uint32_t record_bytes[RAW_RECORDS];
} port_raw;

/* Fill a port whose io is raw. */
void port_raw_init(port_raw *raw, flight_port *port);

/* Wait for so many microseconds. */
void port_raw_wait(uint32_t us);

/* Take bytes of a file that are there, 0: none, negative: the end. */
int port_raw_read(int file, uint8_t *data, size_t capacity);
void port_raw_unblock(int file);

#endif
