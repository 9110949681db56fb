/* The PS Vita port, for VitaSDK: the firmware's own network calls, without the C library's table of files. Compile it beside
 * flight.c and link SceNet_stub, SceNetCtl_stub and SceSysmodule_stub.
 *
 * The network has to be there first: sceSysmoduleLoadModule(SCE_SYSMODULE_NET), sceNetInit with a pool, sceNetCtlInit. Without
 * one the client waits and nothing fails.
 *
 * What the firmware does that a program sees: calls return a negative code of their own; after a suspend sockets are dead,
 * which a transfer says, and the client connects anew.
 *
 * Compiled against the real headers; run on no console yet. */
#include "flight.h"

#include <malloc.h>
#include <psp2/io/fcntl.h>
#include <psp2/io/stat.h>
#include <psp2/kernel/processmgr.h>
#include <psp2/kernel/rng.h>
#include <psp2/net/net.h>
#include <psp2/net/netctl.h>
#include <string.h>

#define NONE (-1)
#define RANDOM_BYTES 64u          /* that one call gives */
#define NO_FILE ((int)0x80010002) /* what sceIoOpen says of a file that is not there */
#define LOOK_UP_US 2000000        /* for one question to the name server */
#define LOOK_UP_TRIES 3

typedef struct connection {
    int socket;
    int waiting; /* the firmware's object that tells when the socket is connected, until it is */
} connection;

static connection first = {NONE, NONE};
static connection second = {NONE, NONE};

const char *flight_port_folder = "ux0:data/flight";

/* Of VitaSDK's C library; its headers do not name it. */
extern unsigned int _get_vita_heap_size(void) __attribute__((weak));

static int error_of(unsigned int code)
{
    return (int)code;
}

static uint64_t now_us(void *io)
{
    (void)io;
    return sceKernelGetProcessTimeWide();
}

/* What a transfer that did not give bytes means: 0 for later, or dead. Dead are all the others, those of a socket that did not
 * survive a suspend too. */
static int later_or_dead(int code)
{
    if (code == error_of(SCE_NET_ERROR_EAGAIN) || code == error_of(SCE_NET_ERROR_EINTR)) {
        return 0;
    }
    return code;
}

static int link_state(void *io)
{
    int state = SCE_NETCTL_STATE_DISCONNECTED;
    const int result = sceNetCtlInetGetState(&state);

    (void)io;
    if (result < 0) {
        return result; /* sceNetCtlInit was not called */
    }
    if (state == SCE_NETCTL_STATE_DISCONNECTED) {
        return error_of(SCE_NET_ERROR_ENETDOWN);
    }
    return state == SCE_NETCTL_STATE_CONNECTED;
}

static void stop_waiting(connection *own)
{
    if (own->waiting != NONE) {
        sceNetEpollDestroy(own->waiting);
        own->waiting = NONE;
    }
}

static void close_connection(void *io)
{
    connection *own = io;

    stop_waiting(own);
    if (own->socket != NONE) {
        sceNetSocketClose(own->socket);
        own->socket = NONE;
    }
}

static int wait_for(connection *own)
{
    SceNetEpollEvent event;

    own->waiting = sceNetEpollCreate("flight", 0);
    if (own->waiting < 0) {
        const int result = own->waiting;

        own->waiting = NONE;
        return result;
    }
    memset(&event, 0, sizeof event);
    event.events = SCE_NET_EPOLLOUT | SCE_NET_EPOLLERR | SCE_NET_EPOLLHUP;
    event.data.fd = own->socket;
    return sceNetEpollControl(own->waiting, SCE_NET_EPOLL_CTL_ADD, own->socket, &event);
}

static int begin(connection *own, const SceNetSockaddrIn *address)
{
    const int yes = 1;
    int result = sceNetSetsockopt(own->socket, SCE_NET_SOL_SOCKET, SCE_NET_SO_NBIO, &yes, sizeof yes);

    if (result < 0) {
        return result; /* never go on with a socket that waits */
    }
    /* The client sends whole batches; it would only wait for more. No matter if it is refused. */
    (void)sceNetSetsockopt(own->socket, SCE_NET_IPPROTO_TCP, SCE_NET_TCP_NODELAY, &yes, sizeof yes);
    result = sceNetConnect(own->socket, (const SceNetSockaddr *)address, sizeof *address);
    if (result < 0 && result != error_of(SCE_NET_ERROR_EINPROGRESS)) {
        return result;
    }
    result = wait_for(own);
    return result < 0 ? result : 0;
}

static int open_connection(void *io, const char *host, uint16_t port)
{
    connection *own = io;
    SceNetSockaddrIn address;
    int result;

    close_connection(io);
    memset(&address, 0, sizeof address);
    address.sin_len = sizeof address;
    address.sin_family = SCE_NET_AF_INET;
    address.sin_port = sceNetHtons(port);
    if (host == NULL || sceNetInetPton(SCE_NET_AF_INET, host, &address.sin_addr) != 1) {
        return error_of(SCE_NET_ERROR_EINVAL); /* not an IPv4 address: flight_resolve makes one of a name */
    }
    result = sceNetSocket("flight", SCE_NET_AF_INET, SCE_NET_SOCK_STREAM, 0);
    if (result < 0) {
        return result;
    }
    own->socket = result;
    result = begin(own, &address);
    if (result < 0) {
        close_connection(io);
    }
    return result;
}

static int ready(void *io)
{
    connection *own = io;
    SceNetEpollEvent event;
    int error = 0;
    unsigned int error_bytes = sizeof error;
    int count;

    if (own->socket == NONE) {
        return error_of(SCE_NET_ERROR_ENOTCONN);
    }
    if (own->waiting == NONE) {
        return 1;
    }
    memset(&event, 0, sizeof event);
    count = sceNetEpollWait(own->waiting, &event, 1, 0);
    if (count <= 0) {
        return later_or_dead(count);
    }
    if (sceNetGetsockopt(own->socket, SCE_NET_SOL_SOCKET, SCE_NET_SO_ERROR, &error, &error_bytes) >= 0 && error != 0) {
        return error > 0 ? -error : error;
    }
    if ((event.events & (SCE_NET_EPOLLERR | SCE_NET_EPOLLHUP)) != 0) {
        return error_of(SCE_NET_ERROR_ECONNREFUSED);
    }
    if ((event.events & SCE_NET_EPOLLOUT) == 0) {
        return 0;
    }
    stop_waiting(own);
    return 1;
}

static int send_bytes(void *io, const uint8_t *data, size_t bytes)
{
    const connection *own = io;
    int taken;

    if (own->socket == NONE) {
        return error_of(SCE_NET_ERROR_ENOTCONN);
    }
    taken = sceNetSend(own->socket, data, (unsigned int)bytes, 0);
    return taken >= 0 ? taken : later_or_dead(taken);
}

static int receive_bytes(void *io, uint8_t *data, size_t capacity)
{
    const connection *own = io;
    int got;

    if (own->socket == NONE) {
        return error_of(SCE_NET_ERROR_ENOTCONN);
    }
    got = sceNetRecv(own->socket, data, (unsigned int)capacity, 0);
    if (got == 0) {
        return error_of(SCE_NET_ERROR_EPIPE); /* the peer closed the connection */
    }
    return got > 0 ? got : later_or_dead(got);
}

/* The console's own generator. */
static int random_bytes(void *io, uint8_t *out, size_t bytes)
{
    (void)io;
    while (bytes > 0) {
        const size_t part = bytes < RANDOM_BYTES ? bytes : RANDOM_BYTES;
        const int result = sceKernelGetRandomNumber(out, (SceSize)part);

        if (result < 0) {
            return result;
        }
        out += part;
        bytes -= part;
    }
    return FLIGHT_RANDOM_STRONG;
}

/* Sources: the C library's heap, of the size that it was given (_newlib_heap_size_user, else 128 MiB), and mallinfo, which
 * looks at every free piece: ask for it once a second, not once a frame. What a program takes beside the heap
 * (sceKernelAllocMemBlock, video memory) is not in it: sceKernelGetFreeMemorySize tells what is free there, but not of how much
 * or in which pieces. */
static void memory(void *io, flight_port_memory *out)
{
    const struct mallinfo heap = mallinfo();
    const uint32_t pieces = (uint32_t)(heap.fordblks - heap.keepcost);
    uint32_t total;
    uint32_t last;

    (void)io;
    if (_get_vita_heap_size == NULL) {
        out->total_bytes = out->available_bytes = out->largest_bytes = FLIGHT_PORT_UNKNOWN;
        out->used_bytes = (uint32_t)heap.uordblks;
        return;
    }
    total = _get_vita_heap_size();
    last = total - (uint32_t)heap.arena + (uint32_t)heap.keepcost;
    out->total_bytes = total;
    out->available_bytes = last + pieces;
    out->used_bytes = total - out->available_bytes;
    /* All pieces together are smaller than the last one, or the largest of them may be larger: mallinfo does not tell. */
    out->largest_bytes = pieces <= last ? last : FLIGHT_PORT_UNKNOWN;
}

/* "FOLDER/flightN.bin", N below 10. */
static int record_name(unsigned number, char *out, size_t capacity)
{
    static const char name[] = "/flight0.bin";
    const size_t folder = flight_port_folder == NULL ? capacity : strlen(flight_port_folder);

    if (number > 9 || folder + sizeof name > capacity) {
        return error_of(SCE_NET_ERROR_EINVAL);
    }
    memcpy(out, flight_port_folder, folder);
    memcpy(out + folder, name, sizeof name);
    out[folder + 7] = (char)('0' + number);
    return 0;
}

static int store(void *io, unsigned number, const uint8_t *data, size_t bytes)
{
    char name[96];
    int written;
    int closed;
    SceUID file;

    (void)io;
    if (record_name(number, name, sizeof name) < 0) {
        return error_of(SCE_NET_ERROR_EINVAL);
    }
    (void)sceIoMkdir(flight_port_folder, 0777); /* it is there already, or opening says why not */
    file = sceIoOpen(name, SCE_O_WRONLY | SCE_O_CREAT | SCE_O_TRUNC, 0777);
    if (file < 0) {
        return file;
    }
    written = (int)sceIoWrite(file, data, (SceSize)bytes);
    closed = sceIoClose(file);
    if (written < 0 || closed < 0) {
        return written < 0 ? written : closed;
    }
    return written == (int)bytes ? 0 : error_of(SCE_NET_ERROR_ENOSPC);
}

static int load(void *io, unsigned number, uint8_t *data, size_t capacity)
{
    char name[96];
    SceUID file;
    int got;

    (void)io;
    if (record_name(number, name, sizeof name) < 0) {
        return error_of(SCE_NET_ERROR_EINVAL);
    }
    file = sceIoOpen(name, SCE_O_RDONLY, 0777);
    if (file < 0) {
        return file == NO_FILE ? 0 : file;
    }
    got = (int)sceIoRead(file, data, (SceSize)capacity);
    sceIoClose(file);
    return got;
}

int flight_resolve(const char *name, char *out, size_t capacity)
{
    SceNetInAddr address;

    if (name == NULL || out == NULL) {
        return error_of(SCE_NET_ERROR_EINVAL);
    }
    if (sceNetInetPton(SCE_NET_AF_INET, name, &address) != 1) {
        const int resolver = sceNetResolverCreate("flight", NULL, 0);
        int result;

        if (resolver < 0) {
            return resolver;
        }
        result = sceNetResolverStartNtoa(resolver, name, &address, LOOK_UP_US, LOOK_UP_TRIES, 0);
        sceNetResolverDestroy(resolver);
        if (result < 0) {
            return result;
        }
    }
    if (sceNetInetNtop(SCE_NET_AF_INET, &address, out, (unsigned int)capacity) == NULL) {
        return error_of(SCE_NET_ERROR_ENOSPC);
    }
    return 0;
}

const flight_port flight_port_vita = {"vita", &first, &second, now_us, link_state, open_connection, ready,
                                      send_bytes, receive_bytes, close_connection, random_bytes, store, load, memory};
