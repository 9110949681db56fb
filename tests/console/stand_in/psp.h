/* PSPSDK, as far as its port asks for it. */
#ifndef STAND_IN_PSP_H
#define STAND_IN_PSP_H

#include <errno.h>
#include <string.h>
#include <sys/select.h>
#include <sys/types.h>

#include "stand_in.h"

#define AF_INET 2
#define SOCK_STREAM 1
#define SOL_SOCKET 0xffff
#define SO_ERROR 0x1007
#define SO_NONBLOCK 0x1009
#define IPPROTO_TCP 6
#define TCP_NODELAY 1
#define PSP_O_RDONLY 1
#define PSP_O_WRONLY 2
#define PSP_O_CREAT 0x200
#define PSP_O_TRUNC 0x400
#define PSP_NET_APCTL_STATE_DISCONNECTED 0
#define PSP_NET_APCTL_STATE_GOT_IP 4

typedef uint32_t socklen_t;
typedef int SceUID;
typedef uint32_t SceSize;
struct in_addr {
    uint32_t s_addr;
};
struct sockaddr {
    uint8_t sa_len, sa_family;
    char data[14];
};
struct sockaddr_in {
    uint8_t sin_len, sin_family;
    uint16_t sin_port;
    struct in_addr sin_addr;
    int8_t sin_zero[8];
};
struct SceNetInetTimeval {
    uint32_t tv_sec, tv_usec;
};
#define mallinfo stand_in_mallinfo /* this machine has one too */
struct mallinfo {
    size_t arena, uordblks, fordblks, keepcost;
};

#define htons(number) ((uint16_t)((number) << 8 | (number) >> 8))

struct mallinfo mallinfo(void);
int64_t sceKernelGetSystemTimeWide(void);
int sceRtcGetCurrentTick(uint64_t *tick);
SceSize sceKernelTotalFreeMemSize(void);
SceSize sceKernelMaxFreeMemSize(void);
int sceNetApctlGetState(int *state);
int sceNetInetGetErrno(void);
int sceNetInetSocket(int domain, int type, int protocol);
int sceNetInetClose(int socket);
int sceNetInetSetsockopt(int socket, int level, int option, const void *value, socklen_t bytes);
int sceNetInetGetsockopt(int socket, int level, int option, void *value, socklen_t *bytes);
int sceNetInetConnect(int socket, const struct sockaddr *address, socklen_t bytes);
int sceNetInetGetpeername(int socket, struct sockaddr *address, socklen_t *bytes);
int sceNetInetSelect(int count, fd_set *in, fd_set *out, fd_set *bad, struct SceNetInetTimeval *timeout);
size_t sceNetInetSend(int socket, const void *data, size_t bytes, int flags);
size_t sceNetInetRecv(int socket, void *data, size_t bytes, int flags);
int sceNetInetInetAton(const char *text, struct in_addr *out);
const char *sceNetInetInetNtop(int family, const void *address, char *out, socklen_t bytes);
int sceNetResolverCreate(int *resolver, void *scratch, SceSize bytes);
int sceNetResolverDelete(int resolver);
int sceNetResolverStartNtoA(int resolver, const char *name, struct in_addr *out, unsigned int timeout, int tries);
int sceIoMkdir(const char *name, int mode);
SceUID sceIoOpen(const char *name, int flags, int mode);
int sceIoRead(SceUID file, void *data, SceSize bytes);
int sceIoWrite(SceUID file, const void *data, SceSize bytes);
int sceIoClose(SceUID file);

#endif
