#include "stand_in.h"

#include <string.h>

flight_sim stand_in_sim;
stand_in_seen stand_in;
stand_in_socket stand_in_sockets[FLIGHT_SIM_LINKS];

static uint8_t records[10][1024];
static uint32_t record_bytes[10];
static int is_there[10];
static int current;

void stand_in_begin(const char *profile);
void stand_in_begin(const char *profile)
{
    static flight_port ignored;

    memset(&stand_in, 0, sizeof stand_in);
    memset(stand_in_sockets, 0, sizeof stand_in_sockets);
    memset(is_there, 0, sizeof is_there);
    flight_sim_begin(&stand_in_sim, flight_sim_profile_of(profile), 1, &ignored);
}

int stand_in_take(void)
{
    for (int number = 0; number < (int)FLIGHT_SIM_LINKS; number++) {
        if (!stand_in_sockets[number].is_open) {
            memset(&stand_in_sockets[number], 0, sizeof stand_in_sockets[number]);
            stand_in_sockets[number].is_open = 1;
            stand_in.open++;
            return number;
        }
    }
    return -1;
}

void stand_in_close(int number)
{
    flight_sim_close(&stand_in_sim.links[number]);
    stand_in_sockets[number].is_open = 0;
    stand_in.open--;
}

int stand_in_open(const char *name, int is_new)
{
    const char *digit = strstr(name, "flight");

    while (digit != NULL && strstr(digit + 1, "flight") != NULL) {
        digit = strstr(digit + 1, "flight");
    }
    if (digit == NULL || digit[6] < '0' || digit[6] > '9' || strcmp(digit + 7, ".bin") != 0) {
        return -1;
    }
    current = digit[6] - '0';
    if (is_new) {
        is_there[current] = 1;
        record_bytes[current] = 0;
    }
    if (!is_there[current]) {
        return -1;
    }
    stand_in.files++;
    return 5;
}

int stand_in_write(const void *data, uint32_t bytes)
{
    memcpy(records[current], data, bytes);
    record_bytes[current] = bytes;
    return (int)bytes;
}

int stand_in_read(void *data, uint32_t bytes)
{
    const uint32_t got = bytes < record_bytes[current] ? bytes : record_bytes[current];

    memcpy(data, records[current], got);
    return (int)got;
}
