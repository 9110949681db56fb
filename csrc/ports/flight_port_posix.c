/* The port for Linux, the BSDs and macOS: two tables.
 *
 *     flight_port_posix        a TCP connection
 *     flight_port_posix_pipe   bytes that somebody passes on: a serial device, a pseudo terminal, or a local TCP port such as
 *                              psplink's; flight_port_pipe_path names it
 *
 * Compile it beside flight.c; no option. */
#define _GNU_SOURCE 1 /* getentropy, cfmakeraw; elsewhere they are always there */
#define _DARWIN_C_SOURCE 1
#include "flight.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

#define NOTHING (-1)
#define ENDED (-EPIPE) /* the peer closed the connection */
#define TCP_PREFIX "tcp://"
#define RANDOM_BYTES 256u /* that one call gives */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: the socket's option says it */
#endif

typedef struct connection {
    int file;
    int is_socket;
    int is_ready;
} connection;

static connection first = {NOTHING, 0, 0};
static connection second = {NOTHING, 0, 0};
static connection line = {NOTHING, 0, 0};

const char *flight_port_folder = ".";

/* "/dev/ttyUSB0", "/dev/pts/4", or "tcp://127.0.0.1:10004". Set it before flight_init, and for a serial device its speed; 0: as
 * the device is. */
const char *flight_port_pipe_path = "/dev/ttyUSB0";
uint32_t flight_port_pipe_baud = 115200u;

static int failed(void)
{
    return errno > 0 ? -errno : -EIO;
}

static int is_for_later(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static uint64_t now_us(void *io)
{
    struct timespec now;

    (void)io;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* Whether there is a way to the gateway shows when a connection is tried; this machine may be its own network. */
static int link_state(void *io)
{
    (void)io;
    return 1;
}

static void close_connection(void *io)
{
    connection *own = io;

    if (own->file != NOTHING) {
        close(own->file);
        own->file = NOTHING;
    }
    own->is_ready = 0;
}

static int never_wait(int file)
{
    const int flags = fcntl(file, F_GETFL, 0);

    return flags < 0 || fcntl(file, F_SETFL, flags | O_NONBLOCK) < 0 ? failed() : 0;
}

static int begin(int file, const struct sockaddr_in *address)
{
    const int yes = 1;
    const int result = never_wait(file);

    if (result < 0) {
        return result;
    }
    (void)fcntl(file, F_SETFD, FD_CLOEXEC);
    /* The client sends whole batches; it would only wait for more. No matter if it is refused. */
    (void)setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
#ifdef SO_NOSIGPIPE
    (void)setsockopt(file, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof yes);
#endif
    if (connect(file, (const struct sockaddr *)address, sizeof *address) < 0 && errno != EINPROGRESS) {
        return failed();
    }
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
    if (host == NULL || inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        return -EINVAL; /* not an IPv4 address: flight_resolve makes one of a name */
    }
    own->file = socket(AF_INET, SOCK_STREAM, 0);
    if (own->file < 0) {
        own->file = NOTHING;
        return failed();
    }
    own->is_socket = 1;
    result = begin(own->file, &address);
    if (result < 0) {
        close_connection(io);
    }
    return result;
}

static int ready(void *io)
{
    connection *own = io;
    struct pollfd question;
    int error = 0;
    socklen_t bytes = sizeof error;

    if (own->file == NOTHING) {
        return -ENOTCONN;
    }
    if (own->is_ready || !own->is_socket) {
        return 1;
    }
    question.fd = own->file;
    question.events = POLLOUT;
    question.revents = 0;
    if (poll(&question, 1, 0) < 0) {
        return is_for_later() ? 0 : failed();
    }
    if (question.revents == 0) {
        return 0;
    }
    if (getsockopt(own->file, SOL_SOCKET, SO_ERROR, &error, &bytes) < 0) {
        return failed();
    }
    if (error != 0) {
        return -error;
    }
    own->is_ready = (question.revents & POLLOUT) != 0;
    return own->is_ready;
}

static int send_bytes(void *io, const uint8_t *data, size_t bytes)
{
    const connection *own = io;
    ssize_t taken;

    if (own->file == NOTHING) {
        return -ENOTCONN;
    }
    taken = own->is_socket ? send(own->file, data, bytes, MSG_NOSIGNAL) : write(own->file, data, bytes);
    if (taken >= 0) {
        return (int)taken;
    }
    return is_for_later() ? 0 : failed();
}

static int has_hung_up(int file)
{
    struct pollfd question;

    question.fd = file;
    question.events = 0;
    question.revents = 0;
    return poll(&question, 1, 0) > 0;
}

static int receive_bytes(void *io, uint8_t *data, size_t capacity)
{
    const connection *own = io;
    ssize_t got;

    if (own->file == NOTHING) {
        return -ENOTCONN;
    }
    got = own->is_socket ? recv(own->file, data, capacity, 0) : read(own->file, data, capacity);
    if (got > 0) {
        return (int)got;
    }
    if (got == 0) { /* a raw serial device says so for nothing yet, too */
        return own->is_socket || has_hung_up(own->file) ? ENDED : 0;
    }
    return is_for_later() ? 0 : failed();
}

static int random_bytes(void *io, uint8_t *out, size_t bytes)
{
    (void)io;
    while (bytes > 0) {
        const size_t part = bytes < RANDOM_BYTES ? bytes : RANDOM_BYTES;

        if (getentropy(out, part) < 0) {
            return failed();
        }
        out += part;
        bytes -= part;
    }
    return FLIGHT_RANDOM_STRONG;
}

/* --- the machine's memory --- */

/* What does not fit 32 bits is not known to the protocol. */
static uint32_t fitting(uint64_t bytes)
{
    return bytes < FLIGHT_PORT_UNKNOWN ? (uint32_t)bytes : FLIGHT_PORT_UNKNOWN;
}

/* The beginning of a file of /proc as text; empty where there is none. */
static void read_text(const char *name, char *text, size_t capacity)
{
    const int file = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;

    if (file >= 0) {
        got = read(file, text, capacity - 1u);
        close(file);
    }
    text[got > 0 ? got : 0] = '\0';
}

/* The bytes behind a name in /proc/meminfo, where they are counted in KiB. */
static uint32_t bytes_behind(const char *text, const char *name)
{
    const char *found = strstr(text, name);

    return found == NULL ? FLIGHT_PORT_UNKNOWN : fitting(strtoull(found + strlen(name), NULL, 10) * 1024u);
}

/* Sources, on Linux: total and available are the machine's, from /proc/meminfo, and unknown from 4 GiB on; used is what this
 * program has in memory, the second number of /proc/self/statm, in pages. Elsewhere nothing is known. */
static void memory(void *io, flight_port_memory *out)
{
    char text[512];
    const char *resident;
    const long page_bytes = sysconf(_SC_PAGESIZE);

    (void)io;
    read_text("/proc/meminfo", text, sizeof text);
    out->total_bytes = bytes_behind(text, "MemTotal:");
    out->available_bytes = bytes_behind(text, "MemAvailable:");
    out->largest_bytes = FLIGHT_PORT_UNKNOWN;
    out->used_bytes = FLIGHT_PORT_UNKNOWN;
    read_text("/proc/self/statm", text, sizeof text);
    resident = strchr(text, ' ');
    if (resident != NULL && page_bytes > 0) {
        out->used_bytes = fitting(strtoull(resident, NULL, 10) * (uint64_t)page_bytes);
    }
}

/* --- records in files --- */

static int record_name(unsigned number, const char *ending, char *out, size_t capacity)
{
    int length;

    if (flight_port_folder == NULL) {
        return -EINVAL;
    }
    length = snprintf(out, capacity, "%s/flight%u.bin%s", flight_port_folder, number, ending);
    return length > 0 && (size_t)length < capacity ? 0 : -ENAMETOOLONG;
}

static int write_all(const char *name, const uint8_t *data, size_t bytes)
{
    const int file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int result = 0;

    if (file < 0) {
        return failed();
    }
    while (bytes > 0 && result == 0) {
        const ssize_t written = write(file, data, bytes);

        if (written < 0) {
            result = errno == EINTR ? 0 : failed();
        } else {
            data += written;
            bytes -= (size_t)written;
        }
    }
    if (result == 0 && fsync(file) < 0) {
        result = failed();
    }
    if (close(file) < 0 && result == 0) {
        result = failed();
    }
    return result;
}

/* A new file takes the place of the old one, so that there is always a whole one. */
static int store(void *io, unsigned number, const uint8_t *data, size_t bytes)
{
    char name[512];
    char fresh[512];
    int result = record_name(number, "", name, sizeof name);

    (void)io;
    if (result == 0) {
        result = record_name(number, ".new", fresh, sizeof fresh);
    }
    if (result < 0) {
        return result;
    }
    if (mkdir(flight_port_folder, 0777) < 0 && errno != EEXIST) {
        return failed();
    }
    result = write_all(fresh, data, bytes);
    if (result < 0) {
        return result;
    }
    return rename(fresh, name) < 0 ? failed() : 0;
}

static int load(void *io, unsigned number, uint8_t *data, size_t capacity)
{
    char name[512];
    int result = record_name(number, "", name, sizeof name);
    ssize_t got;
    int file;

    (void)io;
    if (result < 0) {
        return result;
    }
    file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return errno == ENOENT ? 0 : failed();
    }
    got = read(file, data, capacity);
    result = got < 0 ? failed() : (int)got; /* before close, which may change errno */
    close(file);
    return result;
}

int flight_resolve(const char *name, char *out, size_t capacity)
{
    struct addrinfo wanted;
    struct addrinfo *found = NULL;
    struct sockaddr_in address;

    if (name == NULL || out == NULL) {
        return -EINVAL;
    }
    memset(&wanted, 0, sizeof wanted);
    wanted.ai_family = AF_INET;
    wanted.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(name, NULL, &wanted, &found) != 0 || found == NULL) {
        return -EHOSTUNREACH;
    }
    memcpy(&address, found->ai_addr, sizeof address);
    freeaddrinfo(found);
    return inet_ntop(AF_INET, &address.sin_addr, out, (socklen_t)capacity) == NULL ? failed() : 0;
}

/* --- the byte pipe --- */

static speed_t speed_of(uint32_t baud)
{
    switch (baud) {
    case 9600: return B9600;
    case 19200: return B19200;
    case 38400: return B38400;
    case 57600: return B57600;
    case 115200: return B115200;
    case 230400: return B230400;
#ifdef B1500000
    case 460800: return B460800;
    case 921600: return B921600;
    case 1500000: return B1500000;
#endif
    default: return B0; /* no speed that termios has a name for */
    }
}

/* Bytes as they are, at the speed that was asked for. What is no terminal needs neither. */
static int make_raw(int file)
{
    struct termios settings;

    if (tcgetattr(file, &settings) < 0) {
        return errno == ENOTTY ? 0 : failed();
    }
    cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    settings.c_cc[VMIN] = 0;
    settings.c_cc[VTIME] = 0;
    if (flight_port_pipe_baud != 0) {
        const speed_t speed = speed_of(flight_port_pipe_baud);

        if (speed == B0 || cfsetispeed(&settings, speed) < 0 || cfsetospeed(&settings, speed) < 0) {
            return -EINVAL;
        }
    }
    return tcsetattr(file, TCSANOW, &settings) < 0 ? failed() : 0;
}

static int open_pipe(void *io, const char *host, uint16_t port)
{
    connection *own = io;
    char address[64];
    const char *colon;
    size_t length;

    (void)host;
    (void)port;
    close_connection(io);
    if (flight_port_pipe_path == NULL) {
        return -EINVAL;
    }
    if (strncmp(flight_port_pipe_path, TCP_PREFIX, sizeof TCP_PREFIX - 1u) != 0) {
        int result;

        own->file = open(flight_port_pipe_path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (own->file < 0) {
            own->file = NOTHING;
            return failed();
        }
        own->is_socket = 0;
        result = make_raw(own->file);
        if (result < 0) {
            close_connection(io);
        }
        return result;
    }
    colon = strrchr(flight_port_pipe_path, ':');
    length = (size_t)(colon - flight_port_pipe_path) - (sizeof TCP_PREFIX - 1u);
    if (colon < flight_port_pipe_path + sizeof TCP_PREFIX - 1u || length >= sizeof address) {
        return -EINVAL; /* tcp://127.0.0.1:10004 has a port and an IPv4 address */
    }
    memcpy(address, flight_port_pipe_path + sizeof TCP_PREFIX - 1u, length);
    address[length] = '\0';
    return open_connection(io, address, (uint16_t)strtoul(colon + 1, NULL, 10));
}

const flight_port flight_port_posix = {"posix", &first, &second, now_us, link_state, open_connection, ready,
                                       send_bytes, receive_bytes, close_connection, random_bytes, store, load, memory};

const flight_port flight_port_posix_pipe = {"posix pipe", &line, NULL, now_us, link_state, open_pipe, ready,
                                            send_bytes, receive_bytes, close_connection, random_bytes, store, load, memory};
