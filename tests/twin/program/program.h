/* The session's own test program. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "flight.h"

#define CHECK(condition) program_check((condition) != 0, #condition, __FILE__, __LINE__)

void program_check(int good, const char *text, const char *file, int line);

void test_refusals(void);
void test_channels(void);
void test_floor(void);
void test_large(void);
void test_packing(void);
void test_text_limits(void);
void test_resume(void);

#endif
