/* Memory order of the ring's two indices, in one place. Not for callers: flight_emit.h needs it.
 *
 * The producer writes a slot and then publishes the tail with FLIGHT_PUBLISH; the consumer reads the tail with
 * FLIGHT_OBSERVE and then the slot. The same with the head in the other direction. The words are 32 bits and aligned, so
 * each is read and written whole on every machine we know.
 *
 * Without gcc or clang the macros are plain accesses: then the ring is safe only where producer and consumer share one
 * processor and the compiler does not move accesses through volatile (true of the consoles' single-core CPUs). */
#ifndef FLIGHT_ATOMIC_H
#define FLIGHT_ATOMIC_H

#include <stdint.h>

#if defined(__GNUC__)
#define FLIGHT_OBSERVE(index) __atomic_load_n(&(index), __ATOMIC_ACQUIRE)
#define FLIGHT_PUBLISH(index, value) __atomic_store_n(&(index), (value), __ATOMIC_RELEASE)
#else
#define FLIGHT_OBSERVE(index) (*(const volatile uint32_t *)&(index))
#define FLIGHT_PUBLISH(index, value) (*(volatile uint32_t *)&(index) = (value))
#endif

#endif
