/* Runs golden frames through all families of changes and judges each result:
 *
 *     checked frames       every flip of one or two bits is refused
 *     all others           refused, or decoded to a value whose re-encoding gives the same bytes
 *     always               what the reference (reference.c) says; nothing read or written outside exactly sized buffers
 *
 * A new family of changes is one row below; a new coding of payloads is one row in judge.c. */
#include "corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference.h"

corpus_run corpus;

static const struct family {
    const char *name;
    void (*run)(const golden *from);
} families[] = {
    {"truncations", family_truncations},
    {"1-bit flips", family_flips},
    {"2-bit flips", family_pairs},
    {"00 7f 80 ff", family_bytes},
    {"outer lengths", family_outer},
    {"inner lengths", family_inner},
    {"header fields", family_headers},
    {"edits", family_edits},
    {"split points", family_splits},
    {"resynchronisation", family_resync},
};

enum { FAMILIES = sizeof families / sizeof families[0] };

void corpus_fail(const char *why, const uint8_t *data, size_t bytes)
{
    printf("corpus: %s\n  golden frame: %s\n  change: %s, case %llu, offset %u, seed %llu\n  bytes (%zu):", why,
           corpus.from != NULL ? corpus.from->name : "-", corpus.family != NULL ? corpus.family : "-",
           (unsigned long long)corpus.cases, (unsigned)corpus.offset, (unsigned long long)corpus.seed, bytes);
    for (size_t i = 0; i < bytes && i < 256; i++) {
        printf("%s%02x", i % 32 == 0 ? "\n    " : "", data[i]);
    }
    printf("\n");
    fflush(stdout);
    abort();
}

uint32_t corpus_random(uint32_t below)
{
    static uint64_t state;
    static uint64_t seed;

    if (seed != corpus.seed) {
        seed = state = corpus.seed;
    }
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) * below >> 31);
}

uint8_t *exact(size_t bytes)
{
    uint8_t *memory = malloc(bytes + corpus.offset + (bytes + corpus.offset == 0));

    if (memory == NULL) {
        corpus_fail("no memory", NULL, 0);
    }
    return memory + corpus.offset;
}

uint8_t *exact_copy(const uint8_t *data, size_t bytes)
{
    uint8_t *copy = exact(bytes);

    if (bytes != 0) {
        memcpy(copy, data, bytes);
    }
    return copy;
}

void exact_free(uint8_t *buffer)
{
    if (buffer != NULL) {
        free((uint8_t *)((uintptr_t)buffer & ~(uintptr_t)7)); /* offsets are below 8 */
    }
}

int corpus_takes(uint32_t value, uint32_t size)
{
    if (corpus.all || value <= 40 || (value + 40 >= size && value <= size + 8) || value >= 65500) {
        return 1;
    }
    for (uint32_t power = 128; power <= 32768; power *= 2) {
        if (value + 4 >= power && value <= power + 4) {
            return 1;
        }
    }
    return corpus_random(64) == 0;
}

void corpus_enumerate(uint32_t max_size)
{
    uint64_t cases[FAMILIES] = {0};
    uint64_t accepted[FAMILIES] = {0};
    uint32_t used = 0;

    reference_start();
    goldens_build();
    for (uint32_t i = 0; i < golden_count; i++) {
        if (goldens[i].size > max_size) {
            continue;
        }
        used++;
        corpus.from = &goldens[i];
        corpus.offset = i % 8;
        for (size_t j = 0; j < FAMILIES; j++) {
            const uint64_t cases_before = corpus.cases;
            const uint64_t accepted_before = corpus.accepted;

            corpus.family = families[j].name;
            families[j].run(corpus.from);
            cases[j] += corpus.cases - cases_before;
            accepted[j] += corpus.accepted - accepted_before;
        }
    }
    for (size_t j = 0; j < FAMILIES; j++) {
        printf("  %-18s %12llu cases %10llu accepted\n", families[j].name, (unsigned long long)cases[j],
               (unsigned long long)accepted[j]);
    }
    printf("corpus: %llu cases over %u golden frames, seed %llu, 0 wrong\n", (unsigned long long)corpus.cases,
           (unsigned)used, (unsigned long long)corpus.seed);
}
