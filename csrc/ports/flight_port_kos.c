/* The Dreamcast port, for KallistiOS: BSD sockets over the broadband adapter or PPP. Compile it beside flight.c; no option.
 *
 * The network has to be there first: INIT_NET among KOS_INIT_FLAGS for the broadband adapter, or ppp_init and ppp_connect
 * before the game begins. Without one the client waits and nothing fails.
 *
 * What KallistiOS does that a program sees (read in its sources, 2.3):
 *   - Each send puts out a packet at once, from the caller's thread. Over PPP it returns when the modem's ring of 1,024 bytes
 *     has taken the packet, O_NONBLOCK or not: flight_config.link_bytes_per_s is what keeps a frame from waiting.
 *   - getsockopt(SO_ERROR) writes nothing. A refused connection shows as POLLHUP, an accepted one as POLLOUT.
 *   - A connection holds 64 KiB to receive from malloc, and 64 KiB to send that are given back here down to SEND_BUFFER_BYTES:
 *     after a lost packet everything unacknowledged is sent again by a thread that keeps the socket locked meanwhile.
 *   - A connection whose PC has vanished keeps its buffers until that PC's address answers again.
 *
 * flight_port_kos_serial is the serial port (a coder's cable), for FLIGHT_TRANSPORT_SERIAL; the network is not needed. KallistiOS
 * receives by interrupts into 1,024 bytes and sends by hand: what waits in the port's 16 bytes goes by itself, the rest only while
 * a call of flight_poll lasts. So what goes out in a frame is some 16 bytes and what the line carries within the budget: 50 to 90
 * bytes at 1,562,500 baud with 500 us. With dcload-serial the port is taken, and what the game prints goes there too unless
 * dbgio_dev_select("null") or another device was chosen.
 *
 * Compiled against the real headers; run on no console yet. */
#define _DEFAULT_SOURCE 1 /* sbrk */
#include "flight.h"

#include <arch/arch.h>
#include <arch/stack.h>
#include <arch/timer.h>
#include <arpa/inet.h>
#include <dc/fs_dcload.h>
#include <dc/scif.h>
#include <errno.h>
#include <fcntl.h>
#include <kos/net.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SEND_BUFFER_BYTES 2048u /* the least that KallistiOS accepts */
#define NO_SOCKET (-1)
#define ENDED (-EPIPE) /* the peer closed the connection */

typedef struct connection {
    int socket;
    int is_ready;
} connection;

/* The serial port's own register of what waits: the upper half counts what is to be sent. KallistiOS has no call that tells. */
#ifndef SCIF_WAITING
#define SCIF_WAITING ((*(volatile uint16_t *)0xffe8001cu >> 8) & 0x1fu)
#endif
#define SCIF_HALF 8u      /* so many bytes or fewer: scif_write has room for one more and does not wait */
#define SERIAL_HOLD_US 200u /* that a send goes on while bytes leave */

static connection first = {NO_SOCKET, 0};
static connection second = {NO_SOCKET, 0};

/* "/sd/flight" or "/ide/flight", where such a file system is mounted. Never a VMU by itself: a write there takes most of a
 * second, and the place belongs to the player. */
const char *flight_port_folder = "/sd/flight";

static uint64_t now_us(void *io)
{
    (void)io;
    return timer_us_gettime64();
}

/* The error of the last call: negative, whatever errno is. */
static int failed(void)
{
    return errno > 0 ? -errno : -EIO;
}

static int is_for_later(void)
{
    return errno == EWOULDBLOCK || errno == EAGAIN || errno == EINTR;
}

static int link_state(void *io)
{
    static const uint8_t none[4] = {0, 0, 0, 0};
    const netif_t *device = net_default_dev;

    (void)io;
    if (device == NULL) {
        return -ENETDOWN; /* no adapter, or the network was never started */
    }
    return memcmp(device->ip_addr, none, sizeof none) != 0; /* 0: DHCP or PPP is still at it */
}

static void close_connection(void *io)
{
    connection *own = io;

    if (own->socket != NO_SOCKET) {
        close(own->socket);
        own->socket = NO_SOCKET;
    }
    own->is_ready = 0;
}

static int begin(int socket, const struct sockaddr_in *address)
{
    const uint32_t bytes = SEND_BUFFER_BYTES;

    if (fcntl(socket, F_SETFL, O_NONBLOCK) < 0) {
        return failed();
    }
    if (connect(socket, (const struct sockaddr *)address, sizeof *address) < 0 && errno != EINPROGRESS) {
        return failed();
    }
    /* Behind connect on purpose: it allocates anew and would leak what was set before. No matter if it is refused. */
    (void)setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return 0;
}

static int open_connection(void *io, const char *host, uint16_t port)
{
    connection *own = io;
    struct sockaddr_in address;
    int result;

    close_connection(io);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (host == NULL || inet_aton(host, &address.sin_addr) == 0) {
        return -EINVAL; /* not an IPv4 address: flight_resolve makes one of a name */
    }
    own->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (own->socket < 0) {
        own->socket = NO_SOCKET;
        return failed();
    }
    result = begin(own->socket, &address);
    if (result < 0) {
        close_connection(io);
    }
    return result;
}

static int ready(void *io)
{
    connection *own = io;
    struct pollfd question;

    if (own->socket == NO_SOCKET) {
        return -ENOTCONN;
    }
    if (own->is_ready) {
        return 1; /* POLLOUT goes again while the buffer is full */
    }
    question.fd = own->socket;
    question.events = POLLOUT;
    question.revents = 0;
    if (poll(&question, 1, 0) < 0) {
        return is_for_later() ? 0 : failed();
    }
    if ((question.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
        return -ECONNREFUSED;
    }
    own->is_ready = (question.revents & POLLOUT) != 0;
    return own->is_ready;
}

static int send_bytes(void *io, const uint8_t *data, size_t bytes)
{
    const connection *own = io;
    ssize_t taken;

    if (own->socket == NO_SOCKET) {
        return -ENOTCONN;
    }
    taken = send(own->socket, data, bytes, MSG_DONTWAIT);
    if (taken >= 0) {
        return (int)taken;
    }
    return is_for_later() ? 0 : failed();
}

static int receive_bytes(void *io, uint8_t *data, size_t capacity)
{
    const connection *own = io;
    ssize_t got;

    if (own->socket == NO_SOCKET) {
        return -ENOTCONN;
    }
    got = recv(own->socket, data, capacity, MSG_DONTWAIT);
    if (got > 0) {
        return (int)got;
    }
    if (got == 0) {
        return ENDED;
    }
    return is_for_later() ? 0 : failed();
}

/* Clocks and a counter, stirred: another sequence at each start, nothing that a stranger could not guess. KallistiOS has no
 * better source. */
static int random_bytes(void *io, uint8_t *out, size_t bytes)
{
    static uint64_t state;
    size_t at;

    (void)io;
    if (state == 0) {
        state = (uint64_t)time(NULL) << 32;
    }
    for (at = 0; at < bytes; at++) {
        uint64_t mixed = state += timer_us_gettime64() ^ 0x9e3779b97f4a7c15u;

        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
        out[at] = (uint8_t)(mixed >> 56);
    }
    return FLIGHT_RANDOM_WEAK;
}

/* Sources: total is main memory (HW_MEMSIZE); what can still be had is what lies between the heap and the main thread's stack
 * at the end of memory, and the free pieces inside the heap (mallinfo). mallinfo looks at every free piece: ask for it once a
 * second, not once a frame. */
static void memory(void *io, flight_port_memory *out)
{
    const struct mallinfo heap = mallinfo();
    const uint32_t top = (uint32_t)sbrk(0);
    const uint32_t end = (uint32_t)_arch_mem_top - THD_KERNEL_STACK_SIZE;
    const uint32_t room = end > top ? end - top : 0;
    const uint32_t last = room + (uint32_t)heap.keepcost; /* the heap's last free piece and the room grow together */
    const uint32_t pieces = (uint32_t)(heap.fordblks - heap.keepcost);

    (void)io;
    out->total_bytes = (uint32_t)HW_MEMSIZE;
    out->available_bytes = last + pieces;
    out->used_bytes = out->total_bytes - out->available_bytes;
    /* All pieces together are smaller than the last one, or the largest of them may be larger: mallinfo does not tell. */
    out->largest_bytes = pieces <= last ? last : FLIGHT_PORT_UNKNOWN;
}

/* "FOLDER/flightN.bin", N below 10. */
static int record_name(unsigned number, char *out, size_t capacity)
{
    static const char name[] = "/flight0.bin";
    const size_t folder = flight_port_folder == NULL ? capacity : strlen(flight_port_folder);

    if (number > 9 || folder + sizeof name > capacity) {
        return -EINVAL;
    }
    memcpy(out, flight_port_folder, folder);
    memcpy(out + folder, name, sizeof name);
    out[folder + 7] = (char)('0' + number);
    return 0;
}

static int store(void *io, unsigned number, const uint8_t *data, size_t bytes)
{
    char name[96];
    ssize_t written;
    int file;

    (void)io;
    if (record_name(number, name, sizeof name) < 0) {
        return -EINVAL;
    }
    (void)mkdir(flight_port_folder, 0777); /* it is there already, or open says why not */
    file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (file < 0) {
        return failed();
    }
    written = write(file, data, bytes);
    if (close(file) < 0 || written != (ssize_t)bytes) {
        return failed();
    }
    return 0;
}

static int load(void *io, unsigned number, uint8_t *data, size_t capacity)
{
    char name[96];
    ssize_t got;
    int file;

    (void)io;
    if (record_name(number, name, sizeof name) < 0) {
        return -EINVAL;
    }
    file = open(name, O_RDONLY);
    if (file < 0) {
        return errno == ENOENT ? 0 : failed();
    }
    got = read(file, data, capacity);
    close(file);
    return got < 0 ? failed() : (int)got;
}

/* --- the serial port --- */

/* Of the line; both ends have the same. Up to 1,562,500. */
uint32_t flight_port_pipe_baud = 115200u;

static int serial_is_up(void *io)
{
    (void)io;
    return 1;
}

/* A line needs no opening; the port is set up once, which takes some milliseconds. */
static int open_serial(void *io, const char *host, uint16_t port)
{
    static int is_open;

    (void)io;
    (void)host;
    (void)port;
    if (dcload_type == DCLOAD_TYPE_SER) {
        return -EBUSY; /* dcload-serial has it */
    }
    if (!is_open) {
        scif_set_parameters((int)flight_port_pipe_baud, 1);
        scif_init();
        scif_set_irq_usage(1); /* to receive: 16 bytes are full before the next frame */
        is_open = 1;
    }
    return 0;
}

static int send_serial(void *io, const uint8_t *data, size_t bytes)
{
    const uint64_t began_us = timer_us_gettime64();
    size_t sent = 0;

    (void)io;
    while (sent < bytes) {
        if (SCIF_WAITING <= SCIF_HALF) {
            if (scif_write(data[sent]) < 0) {
                return failed();
            }
            sent++;
        } else if (timer_us_gettime64() - began_us >= SERIAL_HOLD_US) {
            break;
        }
    }
    return (int)sent;
}

static int receive_serial(void *io, uint8_t *data, size_t capacity)
{
    size_t got = 0;

    (void)io;
    while (got < capacity) {
        const int byte = scif_read();

        if (byte < 0) {
            return got == 0 && !is_for_later() ? failed() : (int)got;
        }
        data[got++] = (uint8_t)byte;
    }
    return (int)got;
}

static void close_serial(void *io)
{
    (void)io; /* the line stays */
}

int flight_resolve(const char *name, char *out, size_t capacity)
{
    struct in_addr literal;

    if (name == NULL || out == NULL) {
        return -EINVAL;
    }
    if (inet_aton(name, &literal) == 0) {
        const struct hostent *found = gethostbyname(name);

        if (found == NULL || found->h_addrtype != AF_INET || found->h_length != (int)sizeof literal) {
            return -EHOSTUNREACH;
        }
        memcpy(&literal, found->h_addr_list[0], sizeof literal);
    }
    return inet_ntop(AF_INET, &literal, out, (socklen_t)capacity) == NULL ? failed() : 0;
}

/* store and load are null: a write to a VMU or an SD card waits for the card, in the middle of a frame. Resume and the upload of
 * crash records are off. */
const flight_port flight_port_kos = {"kos", &first, &second, now_us, link_state, open_connection, ready,
                                     send_bytes, receive_bytes, close_connection, random_bytes, NULL, NULL, memory};

/* The same with records in flight_port_folder, for programs with an SD card or a hard disk: one write of some hundred bytes per
 * connection, which waits for the card. */
const flight_port flight_port_kos_files = {"kos", &first, &second, now_us, link_state, open_connection, ready,
                                           send_bytes, receive_bytes, close_connection, random_bytes, store, load, memory};

const flight_port flight_port_kos_serial = {"kos serial", NULL, NULL, now_us, serial_is_up, open_serial, serial_is_up,
                                            send_serial, receive_serial, close_serial, random_bytes, NULL, NULL, memory};
