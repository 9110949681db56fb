/* ctest [--brief]: 0 when everything holds. A new unit is one row. --brief leaves the large golden frames out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus.h"
#include "ctest.h"

static const struct unit {
    const char *name;
    void (*run)(void);
} units[] = {
    {"checks", test_checks}, {"frame", test_frame},   {"batch", test_batch}, {"delta", test_delta}, {"delta edges", test_delta_edges},
    {"ring", test_ring}, {"ring arguments", test_ring_arguments}, {"stream", test_stream}, {"store", test_store},
    {"lz4", test_lz4}, {"fragment", test_fragment}, {"need", test_need}, {"pressure", test_pressure}, {"codes", test_sha256}, {"texts", test_texts},
    {"self-test", test_selftest},
};

static unsigned long checks;

void ctest_check(int good, const char *text, const char *file, int line)
{
    checks++;
    if (!good) {
        printf("%s:%d: %s\n", file, line, text);
        fflush(stdout);
        exit(1);
    }
}

int main(int count, char **words)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        units[i].run();
    }
    printf("ctest: %zu units, %lu checks\n", sizeof units / sizeof units[0], checks);
    corpus.seed = 1;
    corpus_enumerate(count > 1 && strcmp(words[1], "--brief") == 0 ? 72 : 65536);
    return 0;
}
