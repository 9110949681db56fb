TARGET = libflight.a
OBJS = $(patsubst %.c,%.o,$(wildcard csrc/src/*.c)) csrc/ports/flight_port_kos.o

KOS_CFLAGS += -O2 -Icsrc/include

include ${KOS_PORTS}/scripts/lib.mk
