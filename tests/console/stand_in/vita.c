/* The Vita's calls on the simulated stack: negative codes, and an object that tells when a socket is connected. */
#include "vita.h"

#include <stdio.h>

#define FIRST 20
#define OBJECTS 40

struct mallinfo stand_in_heap;
uint32_t stand_in_heap_bytes = 134217728u;
static int state = SCE_NETCTL_STATE_CONNECTED;
static int watched[FLIGHT_SIM_LINKS];

unsigned int _get_vita_heap_size(void);
unsigned int _get_vita_heap_size(void)
{
    return stand_in_heap_bytes;
}

void stand_in_link(int to);
void stand_in_link(int to)
{
    state = to < 0 ? SCE_NETCTL_STATE_DISCONNECTED : to == 0 ? 1 : SCE_NETCTL_STATE_CONNECTED;
}

struct mallinfo mallinfo(void)
{
    return stand_in_heap;
}

uint64_t sceKernelGetProcessTimeWide(void)
{
    return stand_in_sim.now_us;
}

int sceKernelGetRandomNumber(void *out, SceSize bytes)
{
    static uint8_t next;
    SceSize at;

    if (bytes > 64) {
        return (int)0x80020006;
    }
    for (at = 0; at < bytes; at++) {
        ((uint8_t *)out)[at] = next++;
    }
    return 0;
}

int sceNetCtlInetGetState(int *out)
{
    *out = state;
    return 0;
}

uint16_t sceNetHtons(uint16_t number)
{
    return (uint16_t)(number << 8 | number >> 8);
}

static int told(const flight_sim_link *link, int result)
{
    switch (result) {
    case FLIGHT_SIM_LATER: return (int)SCE_NET_ERROR_EAGAIN;
    case FLIGHT_SIM_ENDED: return 0;
    case FLIGHT_SIM_GONE: return (int)(link->state == FLIGHT_SIM_DEAD ? SCE_NET_ERROR_ERESUME : SCE_NET_ERROR_ECONNRESET);
    case FLIGHT_SIM_NO_LINK: return (int)SCE_NET_ERROR_ENETDOWN;
    default: return result;
    }
}

int sceNetSocket(const char *name, int domain, int type, int protocol)
{
    const int number = stand_in_take();

    (void)name;
    (void)protocol;
    return number < 0 || domain != SCE_NET_AF_INET || type != SCE_NET_SOCK_STREAM ? (int)SCE_NET_ERROR_EMFILE
                                                                                 : number + FIRST;
}

int sceNetSocketClose(int socket)
{
    stand_in_close(socket - FIRST);
    return 0;
}

int sceNetSetsockopt(int socket, int level, int option, const void *value, unsigned int bytes)
{
    if (level == SCE_NET_SOL_SOCKET && option == SCE_NET_SO_NBIO && bytes == sizeof(int) && *(const int *)value == 1) {
        stand_in_sockets[socket - FIRST].never_waits = 1;
    }
    return 0;
}

int sceNetGetsockopt(int socket, int level, int option, void *value, unsigned int *bytes)
{
    if (level != SCE_NET_SOL_SOCKET || option != SCE_NET_SO_ERROR || *bytes != sizeof(int)) {
        return (int)SCE_NET_ERROR_EINVAL;
    }
    *(int *)value = flight_sim_error(&stand_in_sim.links[socket - FIRST]) == 0 ? 0 : 61;
    return 0;
}

int sceNetConnect(int socket, const SceNetSockaddr *address, unsigned int bytes)
{
    flight_sim_link *link = &stand_in_sim.links[socket - FIRST];
    int result;

    if (bytes != sizeof(SceNetSockaddrIn) || address->sa_len != bytes || address->sa_family != SCE_NET_AF_INET) {
        return (int)SCE_NET_ERROR_EINVAL;
    }
    stand_in.waits += !stand_in_sockets[socket - FIRST].never_waits;
    result = flight_sim_connect(link);
    return result < 0 ? told(link, result) : (int)SCE_NET_ERROR_EINPROGRESS;
}

int sceNetSend(int socket, const void *data, unsigned int bytes, int flags)
{
    flight_sim_link *link = &stand_in_sim.links[socket - FIRST];

    (void)flags;
    stand_in.waits += !stand_in_sockets[socket - FIRST].never_waits;
    return told(link, flight_sim_send(link, data, bytes));
}

int sceNetRecv(int socket, void *data, unsigned int bytes, int flags)
{
    flight_sim_link *link = &stand_in_sim.links[socket - FIRST];

    (void)flags;
    stand_in.waits += !stand_in_sockets[socket - FIRST].never_waits;
    return told(link, flight_sim_receive(link, data, bytes));
}

int sceNetEpollCreate(const char *name, int flags)
{
    (void)name;
    (void)flags;
    return OBJECTS + (int)stand_in.events++;
}

int sceNetEpollControl(int object, int operation, int socket, SceNetEpollEvent *event)
{
    if (operation != SCE_NET_EPOLL_CTL_ADD || (event->events & SCE_NET_EPOLLOUT) == 0) {
        return (int)SCE_NET_ERROR_EINVAL;
    }
    watched[object - OBJECTS] = socket;
    return 0;
}

int sceNetEpollWait(int object, SceNetEpollEvent *events, int most, int timeout)
{
    const int bits = flight_sim_poll(&stand_in_sim.links[watched[object - OBJECTS] - FIRST]);

    stand_in.waits += timeout != 0 || most != 1;
    if (bits == 0) {
        return 0;
    }
    events->events = SCE_NET_EPOLLOUT | ((bits & FLIGHT_SIM_POLL_HUNG_UP) != 0 ? SCE_NET_EPOLLHUP : 0);
    return 1;
}

int sceNetEpollDestroy(int object)
{
    (void)object;
    stand_in.events--;
    return 0;
}

int sceNetInetPton(int family, const char *text, void *out)
{
    unsigned part[4];
    char rest;

    if (sscanf(text, "%u.%u.%u.%u%c", &part[0], &part[1], &part[2], &part[3], &rest) != 4) {
        return 0;
    }
    *(uint32_t *)out = part[0] | part[1] << 8 | part[2] << 16 | part[3] << 24;
    return family == SCE_NET_AF_INET;
}

const char *sceNetInetNtop(int family, const void *address, char *out, unsigned int bytes)
{
    const uint8_t *part = address;
    char text[16];
    const int length = snprintf(text, sizeof text, "%u.%u.%u.%u", part[0], part[1], part[2], part[3]);

    (void)family;
    return length < (int)bytes ? strcpy(out, text) : NULL;
}

int sceNetResolverCreate(const char *name, void *memory, int flags)
{
    (void)name;
    (void)memory;
    (void)flags;
    stand_in.events++;
    return 60;
}

int sceNetResolverStartNtoa(int resolver, const char *name, SceNetInAddr *out, int timeout, int tries, int flags)
{
    (void)timeout;
    (void)tries;
    (void)flags;
    return resolver == 60 && strcmp(name, "devbox") == 0 && sceNetInetPton(SCE_NET_AF_INET, "192.168.1.10", out)
               ? 0
               : (int)0x804101e6;
}

int sceNetResolverDestroy(int resolver)
{
    (void)resolver;
    stand_in.events--;
    return 0;
}

int sceIoMkdir(const char *name, int mode)
{
    (void)name;
    (void)mode;
    return (int)0x80010011; /* it is there */
}

SceUID sceIoOpen(const char *name, int flags, int mode)
{
    (void)mode;
    return stand_in_open(name, flags & SCE_O_CREAT) < 0 ? (int)0x80010002 : 5;
}

int sceIoRead(SceUID file, void *data, SceSize bytes)
{
    return (void)file, stand_in_read(data, bytes);
}

int sceIoWrite(SceUID file, const void *data, SceSize bytes)
{
    return (void)file, stand_in_write(data, bytes);
}

int sceIoClose(SceUID file)
{
    (void)file;
    stand_in.files--;
    return 0;
}
