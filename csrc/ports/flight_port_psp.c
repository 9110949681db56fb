/* The PSP port, for PSPSDK: the firmware's own network calls, without the C library's table of files. Compile it beside
 * flight.c; no option.
 *
 * The network has to be there first: sceUtilityLoadNetModule for COMMON and INET, pspSdkInetInit, sceNetApctlConnect (a
 * connection of the settings menu) or the network dialog. Without one the client waits and nothing fails. After sleep the
 * association is gone and has to be made again: sceNetApctlConnect.
 *
 * What the firmware does that a program sees: calls return -1 and sceNetInetGetErrno has the reason; there is no poll; a
 * socket becomes non-blocking by an option of its own.
 *
 * Compiled against the real headers; run on no console yet. */
#include "flight.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pspiofilemgr.h>
#include <pspkernel.h>
#include <pspnet_apctl.h>
#include <pspnet_inet.h>
#include <pspnet_resolver.h>
#include <psprtc.h>
#include <string.h>
#include <sys/socket.h>

#define NO_SOCKET (-1)
#define ENDED (-EPIPE)         /* the peer closed the connection */
#define NO_FILE ((int)0x80010002) /* what sceIoOpen says of a file that is not there */
#define LOOK_UP_S 2            /* for one question to the name server */
#define LOOK_UP_TRIES 3

typedef struct connection {
    int socket;
    int is_ready;
} connection;

static connection first = {NO_SOCKET, 0};
static connection second = {NO_SOCKET, 0};

/* Empty: beside the EBOOT. "ms0:/PSP/SAVEDATA/game" or the like elsewhere. */
const char *flight_port_folder = "";

/* Of a program that says PSP_HEAP_SIZE_KB; of others there is none. */
extern int sce_newlib_heap_kb_size __attribute__((weak));

static uint64_t now_us(void *io)
{
    (void)io;
    return (uint64_t)sceKernelGetSystemTimeWide();
}

/* The error of the last network call: negative, whatever the firmware says. */
static int failed(void)
{
    const int error = sceNetInetGetErrno();

    return error > 0 ? -error : -EIO;
}

/* What a transfer that returned -1 means: 0 for later, or dead. */
static int later_or_dead(void)
{
    const int error = sceNetInetGetErrno();

    if (error == EAGAIN || error == EWOULDBLOCK || error == EINTR) {
        return 0;
    }
    return error > 0 ? -error : -EIO;
}

static int link_state(void *io)
{
    int state = PSP_NET_APCTL_STATE_DISCONNECTED;
    const int result = sceNetApctlGetState(&state);

    (void)io;
    if (result < 0) {
        return result; /* sceNetApctlInit was not called */
    }
    if (state == PSP_NET_APCTL_STATE_DISCONNECTED) {
        return -ENETDOWN;
    }
    return state == PSP_NET_APCTL_STATE_GOT_IP;
}

static void close_connection(void *io)
{
    connection *own = io;

    if (own->socket != NO_SOCKET) {
        sceNetInetClose(own->socket);
        own->socket = NO_SOCKET;
    }
    own->is_ready = 0;
}

static int begin(int socket, const struct sockaddr_in *address)
{
    const int yes = 1;

    if (sceNetInetSetsockopt(socket, SOL_SOCKET, SO_NONBLOCK, &yes, sizeof yes) < 0) {
        return failed(); /* never go on with a socket that waits */
    }
    /* The client sends whole batches; it would only wait for more. No matter if it is refused. */
    (void)sceNetInetSetsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (sceNetInetConnect(socket, (const struct sockaddr *)address, sizeof *address) < 0 &&
        sceNetInetGetErrno() != EINPROGRESS) {
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
    address.sin_len = sizeof address;
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (host == NULL || sceNetInetInetAton(host, &address.sin_addr) == 0) {
        return -EINVAL; /* not an IPv4 address: flight_resolve makes one of a name */
    }
    own->socket = sceNetInetSocket(AF_INET, SOCK_STREAM, 0);
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

/* Whether the socket takes bytes: 1, 0, or negative. The firmware's sets have 256 places, the C library's may have 64. */
static int is_writable(int socket)
{
    union {
        fd_set set;
        uint32_t places[8];
    } question;
    struct SceNetInetTimeval none = {0, 0};
    int count;

    if (socket >= 256) {
        return -EBADF;
    }
    memset(&question, 0, sizeof question);
    question.places[socket / 32] = 1u << socket % 32;
    count = sceNetInetSelect(socket + 1, NULL, &question.set, NULL, &none);
    if (count < 0) {
        return later_or_dead();
    }
    /* When nothing happened the sets may be left as they were. */
    return count > 0 && (question.places[socket / 32] >> socket % 32 & 1u) != 0;
}

/* A socket that is connected and one that was refused both take bytes: the error tells, and the peer's name makes sure. */
static int ready(void *io)
{
    connection *own = io;
    struct sockaddr_in peer;
    socklen_t bytes = sizeof peer;
    int error = 0;
    socklen_t error_bytes = sizeof error;
    int result;

    if (own->socket == NO_SOCKET) {
        return -ENOTCONN;
    }
    if (own->is_ready) {
        return 1;
    }
    result = is_writable(own->socket);
    if (result <= 0) {
        return result;
    }
    if (sceNetInetGetsockopt(own->socket, SOL_SOCKET, SO_ERROR, &error, &error_bytes) == 0 && error > 0) {
        return -error;
    }
    if (sceNetInetGetpeername(own->socket, (struct sockaddr *)&peer, &bytes) < 0) {
        return failed();
    }
    own->is_ready = 1;
    return 1;
}

static int send_bytes(void *io, const uint8_t *data, size_t bytes)
{
    const connection *own = io;
    int taken;

    if (own->socket == NO_SOCKET) {
        return -ENOTCONN;
    }
    taken = (int)sceNetInetSend(own->socket, data, bytes, 0);
    return taken >= 0 ? taken : later_or_dead();
}

static int receive_bytes(void *io, uint8_t *data, size_t capacity)
{
    const connection *own = io;
    int got;

    if (own->socket == NO_SOCKET) {
        return -ENOTCONN;
    }
    got = (int)sceNetInetRecv(own->socket, data, capacity, 0);
    if (got == 0) {
        return ENDED;
    }
    return got > 0 ? got : later_or_dead();
}

/* Clocks and a counter, stirred: another sequence at each start, nothing that a stranger could not guess. The SDK's own
 * getentropy is seeded with the second of the day. */
static int random_bytes(void *io, uint8_t *out, size_t bytes)
{
    static uint64_t state;
    size_t at;

    (void)io;
    if (state == 0) {
        (void)sceRtcGetCurrentTick(&state);
    }
    for (at = 0; at < bytes; at++) {
        uint64_t mixed = state += (uint64_t)sceKernelGetSystemTimeWide() ^ 0x9e3779b97f4a7c15u;

        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
        out[at] = (uint8_t)(mixed >> 56);
    }
    return FLIGHT_RANDOM_WEAK;
}

/* Sources. A program that says PSP_HEAP_SIZE_KB(n), n > 0: its heap, from n and mallinfo, which looks at every free piece: ask
 * for it once a second, not once a frame. Other programs: the C library takes nearly all memory for its heap and does not tell
 * how much, so total and used are unknown; the rest is what the firmware has left outside the heap. */
static void memory(void *io, flight_port_memory *out)
{
    (void)io;
    if (&sce_newlib_heap_kb_size != NULL && sce_newlib_heap_kb_size > 0) {
        const struct mallinfo heap = mallinfo();
        const uint32_t total = (uint32_t)sce_newlib_heap_kb_size * 1024u;
        const uint32_t last = total - (uint32_t)heap.arena + (uint32_t)heap.keepcost;
        const uint32_t pieces = (uint32_t)(heap.fordblks - heap.keepcost);

        out->total_bytes = total;
        out->available_bytes = last + pieces;
        out->used_bytes = total - out->available_bytes;
        /* All pieces together are smaller than the last one, or the largest of them may be larger: mallinfo does not tell. */
        out->largest_bytes = pieces <= last ? last : FLIGHT_PORT_UNKNOWN;
        return;
    }
    out->total_bytes = FLIGHT_PORT_UNKNOWN;
    out->used_bytes = FLIGHT_PORT_UNKNOWN;
    out->available_bytes = (uint32_t)sceKernelTotalFreeMemSize();
    out->largest_bytes = (uint32_t)sceKernelMaxFreeMemSize();
}

/* "FOLDER/flightN.bin", N below 10. */
static int record_name(unsigned number, char *out, size_t capacity)
{
    static const char name[] = "/flight0.bin";
    const size_t folder = flight_port_folder == NULL ? capacity : strlen(flight_port_folder);
    const char *own = folder == 0 ? name + 1 : name;

    if (number > 9 || folder + sizeof name > capacity) {
        return -EINVAL;
    }
    memcpy(out, flight_port_folder, folder);
    memcpy(out + folder, own, strlen(own) + 1);
    out[folder + strlen(own) - 5] = (char)('0' + number);
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
        return -EINVAL;
    }
    if (flight_port_folder[0] != '\0') {
        (void)sceIoMkdir(flight_port_folder, 0777); /* it is there already, or opening says why not */
    }
    file = sceIoOpen(name, PSP_O_WRONLY | PSP_O_CREAT | PSP_O_TRUNC, 0777);
    if (file < 0) {
        return file;
    }
    written = sceIoWrite(file, data, (SceSize)bytes);
    closed = sceIoClose(file);
    if (written < 0 || closed < 0) {
        return written < 0 ? written : closed;
    }
    return written == (int)bytes ? 0 : -ENOSPC;
}

static int load(void *io, unsigned number, uint8_t *data, size_t capacity)
{
    char name[96];
    SceUID file;
    int got;

    (void)io;
    if (record_name(number, name, sizeof name) < 0) {
        return -EINVAL;
    }
    file = sceIoOpen(name, PSP_O_RDONLY, 0777);
    if (file < 0) {
        return file == NO_FILE ? 0 : file;
    }
    got = sceIoRead(file, data, (SceSize)capacity);
    sceIoClose(file);
    return got;
}

int flight_resolve(const char *name, char *out, size_t capacity)
{
    struct in_addr address;

    if (name == NULL || out == NULL) {
        return -EINVAL;
    }
    if (sceNetInetInetAton(name, &address) == 0) {
        static char scratch[1024];
        int resolver;
        int result = sceNetResolverCreate(&resolver, scratch, sizeof scratch);

        if (result < 0) {
            return result;
        }
        result = sceNetResolverStartNtoA(resolver, name, &address, LOOK_UP_S, LOOK_UP_TRIES);
        sceNetResolverDelete(resolver);
        if (result < 0) {
            return result;
        }
    }
    return sceNetInetInetNtop(AF_INET, &address, out, (socklen_t)capacity) == NULL ? -ENOSPC : 0;
}

const flight_port flight_port_psp = {"psp", &first, &second, now_us, link_state, open_connection, ready,
                                     send_bytes, receive_bytes, close_connection, random_bytes, store, load, memory};
