/* KallistiOS's calls on the simulated stack, with what its sources say of them: SO_ERROR is not asked for because it writes
 * nothing; a size that is set before connect is allocated twice. */
#include "kos.h"

#undef socket

#define FIRST 3

static netif_t device = {{192, 168, 1, 20}};
netif_t *net_default_dev = &device;
struct kos_mallinfo stand_in_heap;
uint32_t stand_in_heap_end = 0x8c400000u;

void stand_in_link(int state);
void stand_in_link(int state)
{
    net_default_dev = state < 0 ? NULL : &device;
    device.ip_addr[0] = device.ip_addr[1] = device.ip_addr[2] = device.ip_addr[3] = state > 0;
}

uint64_t timer_us_gettime64(void)
{
    return stand_in_sim.now_us;
}

struct kos_mallinfo kos_mallinfo(void)
{
    return stand_in_heap;
}

uintptr_t kos_sbrk(ptrdiff_t bytes)
{
    return (void)bytes, stand_in_heap_end;
}

static int error(int code)
{
    errno = code;
    return -1;
}

static int told(int result)
{
    switch (result) {
    case FLIGHT_SIM_LATER: return error(EWOULDBLOCK);
    case FLIGHT_SIM_ENDED: return 0;
    case FLIGHT_SIM_GONE: return error(ECONNRESET);
    case FLIGHT_SIM_NO_LINK: return error(ENETDOWN);
    default: return result;
    }
}

int kos_socket(int domain, int type, int protocol)
{
    const int number = stand_in_take();

    (void)protocol;
    return number < 0 || domain != AF_INET || type != SOCK_STREAM ? error(EMFILE) : number + FIRST;
}

int kos_fcntl(int file, int command, int flags)
{
    if (command == F_SETFL && flags == O_NONBLOCK) {
        stand_in_sockets[file - FIRST].never_waits = 1;
    }
    return 0;
}

int kos_connect(int file, const struct sockaddr *address, socklen_t bytes)
{
    struct sockaddr_in to;
    int result;

    memcpy(&to, address, sizeof to);
    if (bytes != sizeof to || to.sin_port == 0) {
        return error(EINVAL);
    }
    stand_in.waits += !stand_in_sockets[file - FIRST].never_waits;
    stand_in_sockets[file - FIRST].has_connected = 1;
    result = flight_sim_connect(&stand_in_sim.links[file - FIRST]);
    return result < 0 ? told(result) : error(EINPROGRESS);
}

int kos_setsockopt(int file, int level, int option, const void *value, socklen_t bytes)
{
    (void)value;
    if (level != SOL_SOCKET || option != SO_SNDBUF || bytes != sizeof(uint32_t)) {
        return error(EINVAL);
    }
    stand_in.leaks += !stand_in_sockets[file - FIRST].has_connected;
    return 0;
}

int kos_poll(struct pollfd *question, nfds_t count, int timeout_ms)
{
    const int bits = flight_sim_poll(&stand_in_sim.links[question->fd - FIRST]);

    stand_in.waits += timeout_ms != 0 || count != 1;
    question->revents = 0;
    if (bits & FLIGHT_SIM_POLL_OUT) {
        question->revents |= (short)(question->events & POLLOUT);
    }
    if (bits & FLIGHT_SIM_POLL_HUNG_UP) {
        question->revents |= POLLHUP; /* without POLLERR */
    }
    return question->revents != 0;
}

ssize_t kos_send(int file, const void *data, size_t bytes, int flags)
{
    stand_in.waits += (flags & MSG_DONTWAIT) == 0;
    return told(flight_sim_send(&stand_in_sim.links[file - FIRST], data, bytes));
}

ssize_t kos_recv(int file, void *data, size_t bytes, int flags)
{
    stand_in.waits += (flags & MSG_DONTWAIT) == 0;
    return told(flight_sim_receive(&stand_in_sim.links[file - FIRST], data, bytes));
}

int kos_close(int file)
{
    if (file >= FIRST && file < FIRST + (int)FLIGHT_SIM_LINKS) {
        stand_in_close(file - FIRST);
    } else {
        stand_in.files--;
    }
    return 0;
}

int kos_open(const char *name, int flags, ...)
{
    return stand_in_open(name, flags & O_CREAT) < 0 ? error(ENOENT) : 5;
}

ssize_t kos_read(int file, void *data, size_t bytes)
{
    return (void)file, stand_in_read(data, (uint32_t)bytes);
}

ssize_t kos_write(int file, const void *data, size_t bytes)
{
    return (void)file, stand_in_write(data, (uint32_t)bytes);
}

int kos_mkdir(const char *name, mode_t mode)
{
    (void)name;
    (void)mode;
    return 0;
}

/* --- the serial port, on the simulated cable: its bytes wait in 16 places and leave at the line's speed --- */

#define PLACES 16u

int dcload_type = -1;
static unsigned baud;
static unsigned waiting_bytes;
static uint64_t left_us;
static uint8_t shifted[65536];
static unsigned shifted_bytes;
static uint8_t coming[1024];
static unsigned coming_bytes;

void scif_set_parameters(int speed, int fifo)
{
    baud = fifo ? (unsigned)speed : 0;
}

int scif_init(void)
{
    stand_in_sim.now_us += 8000;
    return 0;
}

int scif_set_irq_usage(int on)
{
    return on ? 0 : -1;
}

static void shift_out(void)
{
    const uint64_t byte_us = baud != 0 ? (10000000u + baud - 1u) / baud : 1u;

    if (waiting_bytes == 0) {
        left_us = stand_in_sim.now_us;
    }
    while (waiting_bytes != 0 && stand_in_sim.now_us - left_us >= byte_us) {
        waiting_bytes--;
        left_us += byte_us;
    }
}

unsigned kos_scif_waiting(void)
{
    stand_in_sim.now_us++; /* to look takes time, or a call that looks would never end */
    shift_out();
    return waiting_bytes;
}

int scif_write(int byte)
{
    stand_in.waits += waiting_bytes > PLACES / 2u; /* it waits for half of the places to be free */
    shifted[shifted_bytes++ % sizeof shifted] = (uint8_t)byte;
    waiting_bytes++;
    return 1;
}

int scif_read(void)
{
    int byte;

    if (coming_bytes == 0) {
        return error(EAGAIN);
    }
    byte = coming[0];
    memmove(coming, coming + 1, --coming_bytes);
    return byte;
}

unsigned stand_in_serial_take(uint8_t *out);
unsigned stand_in_serial_take(uint8_t *out)
{
    const unsigned bytes = shifted_bytes;

    memcpy(out, shifted, bytes);
    shifted_bytes = 0;
    return bytes;
}

void stand_in_serial_give(const uint8_t *data, unsigned bytes);
void stand_in_serial_give(const uint8_t *data, unsigned bytes)
{
    memcpy(coming + coming_bytes, data, bytes);
    coming_bytes += bytes;
}
