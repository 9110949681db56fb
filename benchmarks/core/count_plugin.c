/* Plugin for qemu-user: counts instructions, and prints the count when the program marks a place by a write to a file
 * number that cannot exist (rt_mark). Counts are exact and repeat; they are not cycles.
 *
 * The declarations below are the part of qemu's plugin interface that is used here; Debian has no package with its header.
 * Written for version 1 of the interface (qemu 4.2 to 8.x). */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
typedef struct qemu_info qemu_info;

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*call)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, void (*call)(unsigned, void *), int flags,
                                          void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id id,
                                          void (*call)(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t,
                                                       uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));
int qemu_plugin_install(plugin_id id, const qemu_info *info, int count, char **values);

extern int qemu_plugin_version;
int qemu_plugin_version = 1;

#define NO_SUCH_FILE 0x4d41

static uint64_t instructions;

static void block_runs(unsigned processor, void *data)
{
    (void)processor;
    instructions += (uintptr_t)data;
}

static void block_is_made(plugin_id id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(block, block_runs, 0, (void *)(uintptr_t)qemu_plugin_tb_n_insns(block));
}

static void program_calls(plugin_id id, unsigned processor, int64_t number, uint64_t file, uint64_t label, uint64_t c,
                          uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{
    (void)id, (void)processor, (void)number, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
    if ((uint32_t)file == NO_SUCH_FILE) {
        fprintf(stderr, "mark %u %llu\n", (unsigned)label, (unsigned long long)instructions);
    }
}

int qemu_plugin_install(plugin_id id, const qemu_info *info, int count, char **values)
{
    (void)info, (void)count, (void)values;
    qemu_plugin_register_vcpu_tb_trans_cb(id, block_is_made);
    qemu_plugin_register_vcpu_syscall_cb(id, program_calls);
    return 0;
}
