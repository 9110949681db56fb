/* CRC-32C by the processor's own instructions. Private; for hosts, where FLIGHT_CRC_HARDWARE=1 asks for it. Whether the
 * processor has them is asked when running on x86-64; on ARMv8 the compiler knows it from the target it builds for. */
#ifndef FLIGHT_CRC_HARDWARE_H
#define FLIGHT_CRC_HARDWARE_H

#include "flight_bytes.h"

#if defined(__x86_64__) && defined(__GNUC__)

static inline int flight_crc_has_hardware(void)
{
    return __builtin_cpu_supports("sse4.2") != 0;
}

__attribute__((target("sse4.2"))) static uint32_t flight_crc_by_hardware(const uint8_t *data, size_t bytes, uint32_t crc)
{
    uint64_t wide = crc;
    uint64_t word;

    for (; bytes >= 8; bytes -= 8, data += 8) {
        memcpy(&word, data, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    for (; bytes != 0; bytes--, data++) {
        crc = __builtin_ia32_crc32qi(crc, *data);
    }
    return crc;
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32) && defined(__GNUC__)

static inline int flight_crc_has_hardware(void)
{
    return 1;
}

/* By their names in assembly: gcc and clang call the built-in functions differently. */
static uint32_t flight_crc_by_hardware(const uint8_t *data, size_t bytes, uint32_t crc)
{
    uint64_t word;

    for (; bytes >= 8; bytes -= 8, data += 8) {
        memcpy(&word, data, 8);
        __asm__("crc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
    }
    for (; bytes != 0; bytes--, data++) {
        __asm__("crc32cb %w0, %w0, %w1" : "+r"(crc) : "r"((uint32_t)*data));
    }
    return crc;
}

#else

static inline int flight_crc_has_hardware(void)
{
    return 0;
}

static uint32_t flight_crc_by_hardware(const uint8_t *data, size_t bytes, uint32_t crc)
{
    (void)data;
    (void)bytes;
    return crc;
}

#endif

#endif
