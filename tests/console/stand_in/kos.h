/* KallistiOS, as far as its port asks for it. The BSD calls of this machine are put aside by their names. */
#ifndef STAND_IN_KOS_H
#define STAND_IN_KOS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "stand_in.h"

typedef struct netif {
    uint8_t ip_addr[4];
} netif_t;
extern netif_t *net_default_dev;

struct kos_mallinfo {
    size_t arena, uordblks, fordblks, keepcost;
};

#define HW_MEMSIZE 16777216u
#define _arch_mem_top 0x8d000000u
#define THD_KERNEL_STACK_SIZE 65536u

uint64_t timer_us_gettime64(void);
struct kos_mallinfo kos_mallinfo(void);
uintptr_t kos_sbrk(ptrdiff_t bytes);
int kos_socket(int domain, int type, int protocol);
int kos_fcntl(int socket, int command, int flags);
int kos_connect(int socket, const struct sockaddr *address, socklen_t bytes);
int kos_setsockopt(int socket, int level, int option, const void *value, socklen_t bytes);
int kos_poll(struct pollfd *question, nfds_t count, int timeout_ms);
ssize_t kos_send(int socket, const void *data, size_t bytes, int flags);
ssize_t kos_recv(int socket, void *data, size_t bytes, int flags);
int kos_close(int socket);
int kos_open(const char *name, int flags, ...);
ssize_t kos_read(int file, void *data, size_t bytes);
ssize_t kos_write(int file, const void *data, size_t bytes);
int kos_mkdir(const char *name, mode_t mode);

/* The serial port: 16 bytes that leave with the line's speed, a ring of 1,024 that they come into. */
extern int dcload_type;
#define DCLOAD_TYPE_SER 0
void scif_set_parameters(int baud, int fifo);
int scif_init(void);
int scif_set_irq_usage(int on);
int scif_write(int byte);
int scif_read(void);
unsigned kos_scif_waiting(void);
#define SCIF_WAITING kos_scif_waiting()

#define mallinfo kos_mallinfo
#define sbrk kos_sbrk
#define socket(domain, type, protocol) kos_socket(domain, type, protocol)
#define fcntl kos_fcntl
#define connect kos_connect
#define setsockopt kos_setsockopt
#define poll kos_poll
#define send kos_send
#define recv kos_recv
#define close kos_close
#define open kos_open
#define read kos_read
#define write kos_write
#define mkdir kos_mkdir

#endif
