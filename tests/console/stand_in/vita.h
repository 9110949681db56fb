/* VitaSDK, as far as its port asks for it. */
#ifndef STAND_IN_VITA_H
#define STAND_IN_VITA_H

#include <string.h>

#include "stand_in.h"

#define SCE_NET_ERROR_EINTR 0x80410104u
#define SCE_NET_ERROR_EINVAL 0x80410116u
#define SCE_NET_ERROR_EMFILE 0x80410118u
#define SCE_NET_ERROR_ENOSPC 0x8041011cu
#define SCE_NET_ERROR_EPIPE 0x80410120u
#define SCE_NET_ERROR_EAGAIN 0x80410123u
#define SCE_NET_ERROR_EINPROGRESS 0x80410124u
#define SCE_NET_ERROR_ENETDOWN 0x80410132u
#define SCE_NET_ERROR_ECONNRESET 0x80410136u
#define SCE_NET_ERROR_ENOTCONN 0x80410139u
#define SCE_NET_ERROR_ECONNREFUSED 0x8041013du
#define SCE_NET_ERROR_ERESUME 0x804101a2u
#define SCE_NET_AF_INET 2
#define SCE_NET_SOCK_STREAM 1
#define SCE_NET_SOL_SOCKET 0xffff
#define SCE_NET_SO_ERROR 0x1007
#define SCE_NET_SO_NBIO 0x1100
#define SCE_NET_IPPROTO_TCP 6
#define SCE_NET_TCP_NODELAY 1
#define SCE_NET_EPOLLOUT 2u
#define SCE_NET_EPOLLERR 8u
#define SCE_NET_EPOLLHUP 16u
#define SCE_NET_EPOLL_CTL_ADD 1
#define SCE_NETCTL_STATE_DISCONNECTED 0
#define SCE_NETCTL_STATE_CONNECTED 3
#define SCE_O_RDONLY 1
#define SCE_O_WRONLY 2
#define SCE_O_CREAT 0x200
#define SCE_O_TRUNC 0x400

typedef int SceUID;
typedef uint32_t SceSize;
typedef struct SceNetInAddr {
    uint32_t s_addr;
} SceNetInAddr;
typedef struct SceNetSockaddr {
    uint8_t sa_len, sa_family;
    char data[14];
} SceNetSockaddr;
typedef struct SceNetSockaddrIn {
    uint8_t sin_len, sin_family;
    uint16_t sin_port;
    SceNetInAddr sin_addr;
    uint16_t sin_vport;
    char sin_zero[6];
} SceNetSockaddrIn;
typedef struct SceNetEpollEvent {
    unsigned int events;
    union {
        int fd;
    } data;
} SceNetEpollEvent;
#define mallinfo stand_in_mallinfo /* this machine has one too */
struct mallinfo {
    size_t arena, uordblks, fordblks, keepcost;
};

struct mallinfo mallinfo(void);
uint64_t sceKernelGetProcessTimeWide(void);
int sceKernelGetRandomNumber(void *out, SceSize bytes);
int sceNetCtlInetGetState(int *state);
uint16_t sceNetHtons(uint16_t number);
int sceNetInetPton(int family, const char *text, void *out);
const char *sceNetInetNtop(int family, const void *address, char *out, unsigned int bytes);
int sceNetSocket(const char *name, int domain, int type, int protocol);
int sceNetSocketClose(int socket);
int sceNetSetsockopt(int socket, int level, int option, const void *value, unsigned int bytes);
int sceNetGetsockopt(int socket, int level, int option, void *value, unsigned int *bytes);
int sceNetConnect(int socket, const SceNetSockaddr *address, unsigned int bytes);
int sceNetSend(int socket, const void *data, unsigned int bytes, int flags);
int sceNetRecv(int socket, void *data, unsigned int bytes, int flags);
int sceNetEpollCreate(const char *name, int flags);
int sceNetEpollControl(int object, int operation, int socket, SceNetEpollEvent *event);
int sceNetEpollWait(int object, SceNetEpollEvent *events, int most, int timeout);
int sceNetEpollDestroy(int object);
int sceNetResolverCreate(const char *name, void *memory, int flags);
int sceNetResolverStartNtoa(int resolver, const char *name, SceNetInAddr *out, int timeout, int tries, int flags);
int sceNetResolverDestroy(int resolver);
int sceIoMkdir(const char *name, int mode);
SceUID sceIoOpen(const char *name, int flags, int mode);
int sceIoRead(SceUID file, void *data, SceSize bytes);
int sceIoWrite(SceUID file, const void *data, SceSize bytes);
int sceIoClose(SceUID file);

#endif
