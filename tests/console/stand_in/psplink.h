/* psplink's calls for a channel of one's own, and the firmware's for a thread, as far as flight_port_psplink.c asks for them. */
#ifndef STAND_IN_PSPLINK_H
#define STAND_IN_PSPLINK_H

#include "psp.h"

#define PSP_THREAD_ATTR_USER 0x80000000u
#define MAX_ASYNC_BUFFER 4096
#define MAX_ASYNC_CHANNELS 8
#define ASYNC_USER 4

typedef uint32_t SceUInt;
typedef int (*SceKernelThreadEntry)(SceSize bytes, void *argument);
struct AsyncEndpoint {
    unsigned char buffer[MAX_ASYNC_BUFFER];
    int read_pos, write_pos, size;
};

SceUID sceKernelCreateThread(const char *name, SceKernelThreadEntry entry, int priority, int stack_bytes, SceUInt attributes,
                             void *option);
int sceKernelStartThread(SceUID thread, SceSize bytes, void *argument);
int sceKernelDeleteThread(SceUID thread);
SceUID sceKernelCreateSema(const char *name, SceUInt attributes, int first, int most, void *option);
int sceKernelSignalSema(SceUID sema, int count);
int sceKernelWaitSema(SceUID sema, int count, SceUInt *timeout);
int usbAsyncRegister(unsigned int channel, struct AsyncEndpoint *end);
int usbAsyncUnregister(unsigned int channel);
int usbAsyncWrite(unsigned int channel, const void *data, int bytes);
int usbAsyncReadWithTimeout(unsigned int channel, unsigned char *data, int bytes, int timeout_us);

#endif
