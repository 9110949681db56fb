/* What a test program for a bare instruction set needs: output, an end, random numbers. No C library below it. */
#ifndef RUNTIME_H
#define RUNTIME_H

#include <stddef.h>
#include <stdint.h>

/* System call with three arguments (start.c). */
long rt_call(long number, long a, long b, long c);

/* The program's own entry. Its result is the exit status. */
int rt_main(void);

void rt_exit(int status);

/* Append to the output, which goes out at a new line or when the buffer is full. */
void rt_text(const char *text);
void rt_number(uint32_t value);
void rt_hex(uint32_t value);

/* Write to a file number that does not exist: qemu refuses it, the counting plugin sees it and prints its counter. */
void rt_mark(int label);

/* xorshift32: the same numbers on every machine. */
uint32_t rt_random(uint32_t *state);

/* FNV-1a over bytes; start with RT_HASH_START. */
#define RT_HASH_START 0x811c9dc5u
uint32_t rt_hash(uint32_t hash, const void *data, size_t bytes);
uint32_t rt_hash_number(uint32_t hash, uint32_t value);

#endif
