/* The frame of a peer's program: the marks as in bench_core.c, and what a peer's library asks of a C library. */
#include "peer.h"

#define CALL_ARCH_PRCTL 158
#define ARCH_SET_FS 0x1002

static uint64_t heap[8192];
static size_t heap_words;
static uint64_t thread_block[16]; /* Debian's libraries look for the stack protector's word in here */

void peer_heap_reset(void)
{
    heap_words = 0;
}

void *malloc(size_t bytes);
void *malloc(size_t bytes)
{
    uint64_t *found = heap + heap_words;

    heap_words += 1 + (bytes + 7) / 8;
    found[0] = bytes;
    return heap_words <= sizeof heap / sizeof heap[0] ? found + 1 : NULL;
}

void free(void *memory);
void free(void *memory)
{
    (void)memory;
}

void *realloc(void *memory, size_t bytes);
void *realloc(void *memory, size_t bytes)
{
    void *found = malloc(bytes);

    if (found != NULL && memory != NULL) {
        const size_t before = (size_t)((uint64_t *)memory)[-1];

        memcpy(found, memory, before < bytes ? before : bytes);
    }
    return found;
}

void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
    rt_exit(135);
}

void __assert_fail(const char *text, const char *file, unsigned line, const char *function);
void __assert_fail(const char *text, const char *file, unsigned line, const char *function)
{
    (void)file, (void)line, (void)function;
    rt_text(text);
    rt_exit(136);
}

void peer_events(telemetry events[BATCH_EVENTS])
{
    event_source source;

    event_first(&source);
    for (uint32_t i = 0; i < BATCH_EVENTS; i++) {
        event_next(&source);
        events[i] = source.now;
    }
}

void peer_value(const char *name, uint32_t number)
{
    rt_text("value ");
    rt_text(name);
    rt_text(" ");
    rt_number(number);
    rt_text("\n");
}

static int ready(void)
{
    return 0;
}

static int nothing(void)
{
    return 0;
}

static int count(const peer_operation *what, int label)
{
    int wrong = what->prepare();

    rt_text("operation ");
    rt_text(what->name);
    rt_text(wrong ? " wrong\n" : " right\n");
    rt_mark(2 * label);
    for (int i = 0; i < REPEATS; i++) {
        wrong |= what->run();
    }
    rt_mark(2 * label + 1);
    return wrong;
}

int rt_main(void)
{
    static const peer_operation empty = {"nothing", ready, nothing};
    int wrong;

    rt_call(CALL_ARCH_PRCTL, ARCH_SET_FS, (long)(intptr_t)thread_block, 0);
    wrong = count(&empty, 0);
    for (int i = 0; i < peer_operations_count; i++) {
        wrong |= count(&peer_operations[i], i + 1);
    }
    peer_values();
    return wrong;
}
