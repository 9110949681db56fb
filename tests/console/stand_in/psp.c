/* The PSP's calls on the simulated stack: -1, and the reason by a call of its own; a select that leaves its sets as they were
 * when nothing happened; sockets with numbers beyond the 64 places that a C library's set may have. */
#include "psp.h"

#include <stdio.h>

#define FIRST 70

struct mallinfo stand_in_heap;
int sce_newlib_heap_kb_size;
static int last_error;
static int state = PSP_NET_APCTL_STATE_GOT_IP;

void stand_in_link(int to);
void stand_in_link(int to)
{
    state = to < 0 ? PSP_NET_APCTL_STATE_DISCONNECTED : to == 0 ? 2 : PSP_NET_APCTL_STATE_GOT_IP;
}

struct mallinfo mallinfo(void)
{
    return stand_in_heap;
}

int64_t sceKernelGetSystemTimeWide(void)
{
    return (int64_t)stand_in_sim.now_us;
}

int sceRtcGetCurrentTick(uint64_t *tick)
{
    *tick = 63918000000000000u + stand_in_sim.now_us;
    return 0;
}

SceSize sceKernelTotalFreeMemSize(void)
{
    return 524288;
}

SceSize sceKernelMaxFreeMemSize(void)
{
    return 262144;
}

int sceNetApctlGetState(int *out)
{
    *out = state;
    return 0;
}

int sceNetInetGetErrno(void)
{
    return last_error;
}

static int error(int code)
{
    last_error = code;
    return -1;
}

static int told(int result)
{
    switch (result) {
    case FLIGHT_SIM_LATER: return error(EAGAIN);
    case FLIGHT_SIM_ENDED: return 0;
    case FLIGHT_SIM_GONE: return error(ECONNRESET);
    case FLIGHT_SIM_NO_LINK: return error(ENETDOWN);
    default: return result;
    }
}

int sceNetInetSocket(int domain, int type, int protocol)
{
    const int number = stand_in_take();

    (void)protocol;
    return number < 0 || domain != AF_INET || type != SOCK_STREAM ? error(EMFILE) : number + FIRST;
}

int sceNetInetClose(int socket)
{
    stand_in_close(socket - FIRST);
    return 0;
}

int sceNetInetSetsockopt(int socket, int level, int option, const void *value, socklen_t bytes)
{
    if (level == SOL_SOCKET && option == SO_NONBLOCK && bytes == sizeof(int) && *(const int *)value == 1) {
        stand_in_sockets[socket - FIRST].never_waits = 1;
    }
    return 0;
}

int sceNetInetGetsockopt(int socket, int level, int option, void *value, socklen_t *bytes)
{
    if (level != SOL_SOCKET || option != SO_ERROR || *bytes != sizeof(int)) {
        return error(EINVAL);
    }
    *(int *)value = flight_sim_error(&stand_in_sim.links[socket - FIRST]) == 0 ? 0 : ECONNREFUSED;
    return 0;
}

int sceNetInetConnect(int socket, const struct sockaddr *address, socklen_t bytes)
{
    int result;

    if (bytes != sizeof(struct sockaddr_in) || address->sa_len != bytes || address->sa_family != AF_INET) {
        return error(EINVAL);
    }
    stand_in.waits += !stand_in_sockets[socket - FIRST].never_waits;
    result = flight_sim_connect(&stand_in_sim.links[socket - FIRST]);
    return result < 0 ? told(result) : error(EINPROGRESS);
}

int sceNetInetGetpeername(int socket, struct sockaddr *address, socklen_t *bytes)
{
    (void)address;
    (void)bytes;
    return stand_in_sim.links[socket - FIRST].state == FLIGHT_SIM_ESTABLISHED ? 0 : error(ENOTCONN);
}

int sceNetInetSelect(int count, fd_set *in, fd_set *out, fd_set *bad, struct SceNetInetTimeval *timeout)
{
    const uint32_t *places = (const uint32_t *)(const void *)out;
    const int socket = count - 1;
    const int bits = flight_sim_poll(&stand_in_sim.links[socket - FIRST]);

    stand_in.waits += timeout == NULL || timeout->tv_sec != 0 || timeout->tv_usec != 0;
    if (in != NULL || bad != NULL || (places[socket / 32] >> socket % 32 & 1u) == 0) {
        return error(EINVAL);
    }
    return bits != 0; /* a socket that was refused takes bytes too */
}

size_t sceNetInetSend(int socket, const void *data, size_t bytes, int flags)
{
    stand_in.waits += !stand_in_sockets[socket - FIRST].never_waits;
    return (size_t)((void)flags, told(flight_sim_send(&stand_in_sim.links[socket - FIRST], data, bytes)));
}

size_t sceNetInetRecv(int socket, void *data, size_t bytes, int flags)
{
    stand_in.waits += !stand_in_sockets[socket - FIRST].never_waits;
    return (size_t)((void)flags, told(flight_sim_receive(&stand_in_sim.links[socket - FIRST], data, bytes)));
}

int sceNetInetInetAton(const char *text, struct in_addr *out)
{
    unsigned part[4];
    char rest;

    if (sscanf(text, "%u.%u.%u.%u%c", &part[0], &part[1], &part[2], &part[3], &rest) != 4) {
        return 0;
    }
    out->s_addr = part[0] | part[1] << 8 | part[2] << 16 | part[3] << 24;
    return 1;
}

const char *sceNetInetInetNtop(int family, const void *address, char *out, socklen_t bytes)
{
    const uint8_t *part = address;
    char text[16];
    const int length = snprintf(text, sizeof text, "%u.%u.%u.%u", part[0], part[1], part[2], part[3]);

    (void)family;
    return length < (int)bytes ? strcpy(out, text) : NULL;
}

int sceNetResolverCreate(int *resolver, void *scratch, SceSize bytes)
{
    stand_in.events++;
    *resolver = scratch != NULL && bytes >= 1024;
    return 0;
}

int sceNetResolverDelete(int resolver)
{
    (void)resolver;
    stand_in.events--;
    return 0;
}

int sceNetResolverStartNtoA(int resolver, const char *name, struct in_addr *out, unsigned int timeout, int tries)
{
    (void)timeout;
    (void)tries;
    return resolver && strcmp(name, "devbox") == 0 && sceNetInetInetAton("192.168.1.10", out) ? 0 : (int)0x80410416;
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
    return stand_in_open(name, flags & PSP_O_CREAT) < 0 ? (int)0x80010002 : 5;
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
