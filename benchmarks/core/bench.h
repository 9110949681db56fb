/* What the two parts of the program have in common. */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

typedef struct operation {
    const char *name;
    void (*prepare)(void);
    int (*run)(void); /* 0 where it did its work */
} operation;

extern const operation payload_operations[];
extern const int payload_operations_count;

/* Print a value under its name. */
void value(const char *name, uint32_t number);

/* Sizes of what bench_payloads.c makes. */
void print_payloads(void);

/* What objects and default profiles take. */
void print_sizes(void);

#endif
