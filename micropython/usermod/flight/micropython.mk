# Builds the module flight_client into MicroPython: make USER_C_MODULES=.../micropython/usermod
# `make amalgamate` has written the client in C and the port files to this folder; FLIGHT_C names another one.
FLIGHT_MODULE_DIR := $(USERMOD_DIR)
FLIGHT_C ?= $(FLIGHT_MODULE_DIR)/../../../build/amalgamation

SRC_USERMOD_C += $(addprefix $(FLIGHT_MODULE_DIR)/, module.c client.c settings.c figures.c channel.c events.c bodies.c)
SRC_USERMOD_LIB_C += $(addprefix $(FLIGHT_MODULE_DIR)/, core.c port.c)
CFLAGS_USERMOD += -I$(FLIGHT_MODULE_DIR) -I$(FLIGHT_C)
