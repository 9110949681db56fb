/* The core's own test program: units below, the ring against its model, and the corpus on small frames. */
#ifndef CTEST_H
#define CTEST_H

#include "flight.h"

#define CHECK(condition) ctest_check((condition) != 0, #condition, __FILE__, __LINE__)

void ctest_check(int good, const char *text, const char *file, int line);

void test_checks(void);
void test_frame(void);
void test_batch(void);
void test_delta(void);
void test_delta_edges(void);
void test_ring(void);
void test_ring_arguments(void);
void test_stream(void);
void test_store(void);
void test_lz4(void);
void test_fragment(void);
void test_need(void);
void test_pressure(void);
void test_sha256(void);
void test_texts(void);
void test_selftest(void);

#endif
