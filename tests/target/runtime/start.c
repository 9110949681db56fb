/* Entry and system calls for Linux programs without a C library, one block an instruction set. The entry aligns the
 * stack, clears the frame where the ABI wants it and calls rt_start; rt_call puts its arguments where the kernel looks. */
#include "runtime.h"

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl _start\n_start:\n"
        "  xor %ebp, %ebp\n  and $-16, %rsp\n  call rt_start\n  ud2\n"
        ".globl rt_call\nrt_call:\n"
        "  mov %rdi, %rax\n  mov %rsi, %rdi\n  mov %rdx, %rsi\n  mov %rcx, %rdx\n  syscall\n  ret\n");
#define CALL_WRITE 1
#define CALL_EXIT 60

#elif defined(__sh__)
__asm__(".text\n.align 2\n"
        ".globl _start\n_start:\n"
        "  mov.l 1f, r0\n  jsr @r0\n  nop\n"
        ".align 2\n1: .long rt_start\n"
        ".globl rt_call\n.type rt_call, @function\nrt_call:\n"
        "  mov r4, r3\n  mov r5, r4\n  mov r6, r5\n  mov r7, r6\n  trapa #0x13\n  rts\n  nop\n");
#define CALL_WRITE 4
#define CALL_EXIT 1

#elif defined(__mips__)
__asm__(".text\n.set noreorder\n"
        ".globl _start\n.type _start, @function\n_start:\n"
        "  addiu $sp, $sp, -32\n  jal rt_start\n  nop\n  break\n"
        ".globl rt_call\n.type rt_call, @function\nrt_call:\n"
        "  move $2, $4\n  move $4, $5\n  move $5, $6\n  move $6, $7\n  syscall\n"
        "  beqz $7, 1f\n  nop\n  negu $2, $2\n1: jr $31\n  nop\n" /* an error is below zero here, as everywhere else */
        ".set reorder\n");
#define CALL_WRITE 4004
#define CALL_EXIT 4001

#elif defined(__arm__)
__asm__(".text\n.syntax unified\n.thumb\n"
        ".globl _start\n.type _start, %function\n.thumb_func\n_start:\n"
        "  mov r0, sp\n  bic r0, r0, #7\n  mov sp, r0\n  bl rt_start\n  udf #0\n"
        ".globl rt_call\n.type rt_call, %function\n.thumb_func\nrt_call:\n"
        "  push {r7, lr}\n  mov r7, r0\n  mov r0, r1\n  mov r1, r2\n  mov r2, r3\n  svc #0\n  pop {r7, pc}\n");
#define CALL_WRITE 4
#define CALL_EXIT 1

#else
#error "no start code for this instruction set"
#endif

#define NO_SUCH_FILE 0x4d41 /* the plugin looks for this number */

static char line[256];
static uint32_t line_bytes;

static void flush(void)
{
    rt_call(CALL_WRITE, 1, (long)(intptr_t)line, (long)line_bytes);
    line_bytes = 0;
}

void rt_text(const char *text)
{
    for (; *text != 0; text++) {
        line[line_bytes++] = *text;
        if (*text == '\n' || line_bytes == sizeof line) {
            flush();
        }
    }
}

void rt_number(uint32_t value)
{
    static const uint32_t powers[9] = {1000000000u, 100000000u, 10000000u, 1000000u, 100000u, 10000u, 1000u, 100u, 10u};
    char digits[11];
    int count = 0;

    for (int i = 0; i < 9; i++) { /* by subtraction: SH-4 would need the compiler's library to divide */
        char digit = '0';

        for (; value >= powers[i]; value -= powers[i]) {
            digit++;
        }
        if (digit != '0' || count != 0) {
            digits[count++] = digit;
        }
    }
    digits[count++] = (char)('0' + value);
    digits[count] = 0;
    rt_text(digits);
}

void rt_hex(uint32_t value)
{
    char digits[9];

    for (int i = 0; i < 8; i++) {
        digits[i] = "0123456789abcdef"[(value >> (28 - 4 * i)) & 15u];
    }
    digits[8] = 0;
    rt_text(digits);
}

void rt_mark(int label)
{
    rt_call(CALL_WRITE, NO_SUCH_FILE, label, 0);
}

void rt_exit(int status)
{
    flush();
    for (;;) {
        rt_call(CALL_EXIT, status, 0, 0);
    }
}

void rt_start(void);
void rt_start(void)
{
    rt_exit(rt_main());
}

/* Where a trap of the sanitizer has no instruction of its own it calls this. */
void abort(void);
void abort(void)
{
    for (;;) {
        rt_exit(134);
    }
}

uint32_t rt_random(uint32_t *state)
{
    uint32_t x = *state;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *state = x;
    return x;
}

uint32_t rt_hash(uint32_t hash, const void *data, size_t bytes)
{
    const uint8_t *at = data;

    for (size_t i = 0; i < bytes; i++) {
        hash = (hash ^ at[i]) * 0x01000193u;
    }
    return hash;
}

uint32_t rt_hash_number(uint32_t hash, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        hash = (hash ^ ((value >> (8 * i)) & 0xffu)) * 0x01000193u;
    }
    return hash;
}
