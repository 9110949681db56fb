/* What the console client asks of a machine: a clock, one byte stream to a gateway, random bytes, and where there is one a
 * place that outlives a power cycle. A port file (csrc/ports) implements it; an own one is a hundred lines.
 *
 * No call may wait. The client is the only caller, from the one thread that calls flight_poll. Every call gets `io`, so that a
 * port may have several connections. Calls that fail return a negative number of the port's choosing: the client shows it
 * (flight_status.port_error) and judges none of them.
 *
 * This header needs nothing but stddef.h and stdint.h. */
#ifndef FLIGHT_PORT_H
#define FLIGHT_PORT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FLIGHT_PORT_UNKNOWN 0xffffffffu /* a number that a port cannot find out */

/* What a port knows of the machine's memory, in bytes. It never guesses. */
typedef struct flight_port_memory {
    uint32_t total_bytes;     /* of the machine, or of what a program may have: the port's comment says which */
    uint32_t used_bytes;      /* of them, or by the program alone: the same */
    uint32_t available_bytes; /* what can still be had */
    uint32_t largest_bytes;   /* largest free block: fragmentation = 1 - largest / available */
} flight_port_memory;

/* Results of flight_port.random. */
enum { FLIGHT_RANDOM_STRONG = 0, FLIGHT_RANDOM_WEAK = 1 };

/* The calls of one machine: a table that a port file fills. */
typedef struct flight_port {
    const char *name; /* for people: "kos", "psp", "vita", "posix", "sim" */

    void *io;         /* handed to every call: the connection */
    void *probe_io;   /* a second one, to try a better transport while the first one works; null: none */

    /* Microseconds of a clock that never goes back, from any beginning. */
    uint64_t (*now_us)(void *io);

    /* Whether the machine has a network: 1 up, 0 coming (DHCP, dialling, association), negative: down. */
    int (*link)(void *io);

    /* Begin to connect. host: an IPv4 address as text (flight_resolve makes one of a name); a byte pipe ignores both. What was
     * open is closed. Returns 0, or negative: not even begun. */
    int (*open)(void *io, const char *host, uint16_t port);

    /* 1: bytes can go; 0: still connecting; negative: failed. Never 0 again after 1. */
    int (*ready)(void *io);

    /* Give bytes away, bytes > 0. Returns how many were taken, 0: later, negative: the connection is dead. The client never
     * offers more than the link rate allows, see flight_config.link_bytes_per_s: some machines take what they are offered and
     * wait for the line to drain. */
    int (*send)(void *io, const uint8_t *data, size_t bytes);

    /* Take bytes, capacity > 0. Returns how many there were, 0: none now, negative: the connection is dead, its end included. */
    int (*recv)(void *io, uint8_t *data, size_t capacity);

    /* Let the connection go; also where none is open. */
    void (*close)(void *io);

    /* Fill out. Returns FLIGHT_RANDOM_STRONG, FLIGHT_RANDOM_WEAK (jitter and masks only: nothing secret rests on it), or
     * negative: nothing was written. */
    int (*random)(void *io, uint8_t *out, size_t bytes);

    /* Optional, both or neither; null: resume and the upload of crash records are off, and flight_status says so. They keep small records
     * (under 1 KiB) by a number from 0, which outlive a power cycle. store returns 0, or negative; load the bytes that
     * were read, 0: nothing was ever stored, negative: it cannot be read. They may be slow as storage is: the client calls
     * store once per connection, once for a crash and once more when that was told; and load in flight_init only. */
    int (*store)(void *io, unsigned number, const uint8_t *data, size_t bytes);
    int (*load)(void *io, unsigned number, uint8_t *data, size_t capacity);

    /* Optional, null: unknown. The machine's memory, for flight_memory. */
    void (*memory)(void *io, flight_port_memory *out);
} flight_port;

/* Turn a name into an IPv4 address as text, at most capacity bytes with its zero. THIS CALL WAITS, up to several seconds: it asks
 * a name server. Call it before the game begins, never in a frame. Each port file has one. Errors: negative, of
 * the port's choosing.
 *
 *     char host[16];
 *     if (flight_resolve("devbox.local", host, sizeof host) != 0) { return 1; }
 */
int flight_resolve(const char *name, char *out, size_t capacity);

/* The tables of csrc/ports, one port file each. A program is compiled with one of these files. A table may be copied and
 * changed before it is handed to flight_init:
 *
 *     static flight_port own;
 *     own = flight_port_posix;
 *     own.store = NULL; // nothing is kept, and flight_status says so
 *     own.load = NULL;
 */
extern const flight_port flight_port_posix;
extern const flight_port flight_port_posix_pipe; /* flight_port_posix.c too: a serial device, or a port that passes bytes on */
extern const flight_port flight_port_kos;
extern const flight_port flight_port_kos_files; /* flight_port_kos.c too: with store and load, see there what they cost */
extern const flight_port flight_port_kos_serial; /* and the serial port, for FLIGHT_TRANSPORT_SERIAL */
extern const flight_port flight_port_psp;
extern const flight_port flight_port_psplink; /* flight_port_psplink.c beside it: a PSP's USB cable, for FLIGHT_TRANSPORT_SERIAL */
extern const flight_port flight_port_vita;

/* The one of the machine that the compiler builds for. */
#if defined(__DREAMCAST__) || defined(_arch_dreamcast)
#define flight_port_here flight_port_kos
#elif defined(__psp__) || defined(__PSP__)
#define flight_port_here flight_port_psp
#elif defined(__vita__) || defined(__VITA__)
#define flight_port_here flight_port_vita
#else
#define flight_port_here flight_port_posix
#endif

/* Where store and load keep their files, a folder without a / at its end; every port file has one and names its first value. Set
 * it before flight_init. The folder is made where it is missing, the ones above it are not. */
extern const char *flight_port_folder;

/* What flight_port_posix_pipe opens, "/dev/ttyUSB0" or "tcp://127.0.0.1:10004", and the speed of a serial device, 0: as it is.
 * flight_port_kos_serial has a speed too, 115,200 baud unless the program says otherwise. */
extern const char *flight_port_pipe_path;
extern uint32_t flight_port_pipe_baud;

/* The channel of psplink that flight_port_psplink takes, 4 to 7; the PC reads it at TCP port 10000 + channel. */
extern uint32_t flight_port_psplink_channel;

#ifdef __cplusplus
}
#endif

#endif
