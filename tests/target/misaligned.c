/* Shows that the sanitizer's build traps: this must not end well. volatile, so that nobody works it out beforehand. */
#include "runtime.h"

#include <string.h>

static uint32_t words[2];
static volatile uintptr_t offset = 1;

int rt_main(void)
{
    const uint32_t *at = (const uint32_t *)((uintptr_t)words + offset);

    memset(words, 1, sizeof words);
    return (int)*(const volatile uint32_t *)at - 0x01010101;
}
