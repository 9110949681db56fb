/* The enumerated corpus: golden frames, changed in every way that is listed, each result judged. See corpus.c. */
#ifndef CORPUS_H
#define CORPUS_H

#include "flight.h"

/* ---- golden frames (goldens.c) ---- */

#define GOLDENS 128
#define GOLDEN_BYTES 224 /* up to here every case is taken; of larger frames a sample */

typedef struct golden {
    const char *name;
    const uint8_t *bytes;
    uint32_t size;
} golden;

extern golden goldens[GOLDENS];
extern uint32_t golden_count;

void goldens_build(void);                /* those made through the core */
void goldens_load(const char *path);     /* those of the specification: u32 size and bytes, again and again */

/* ---- cases (corpus.c) ---- */

typedef struct corpus_run {
    const golden *from;
    const char *family;
    uint64_t cases;
    uint64_t accepted;
    uint64_t seed;
    uint32_t offset; /* the buffers start this many bytes behind an aligned address */
    int all;         /* every case, also where there are many */
} corpus_run;

extern corpus_run corpus;

_Noreturn void corpus_fail(const char *why, const uint8_t *data, size_t bytes);
uint32_t corpus_random(uint32_t below);

/* A heap buffer of exactly so many bytes, so that the sanitizer sees one byte too far. */
uint8_t *exact(size_t bytes);
uint8_t *exact_copy(const uint8_t *data, size_t bytes);
void exact_free(uint8_t *buffer);

/* Whether this one of 65,536 lengths is taken: all of them, or the ones near `size` and near powers of two and a sample. */
int corpus_takes(uint32_t value, uint32_t size);

/* ---- verdicts (judge.c) ---- */

typedef enum verdict { EITHER, REFUSED, ACCEPTED } verdict;

/* Decode, compare with the reference, re-encode what was accepted, and judge its payload. Counts one case. */
void judge(const uint8_t *data, size_t bytes, verdict expected);

/* A payload by its coding: all rows of judge.c's table that fit the flags. */
void judge_payload(uint8_t flags, const uint8_t *data, size_t bytes);
void judge_records(const uint8_t *data, size_t bytes);
void judge_delta(const uint8_t *data, size_t bytes); /* judge_delta.c */

/* ---- families of changes: one row each in corpus.c ---- */

void family_truncations(const golden *from);    /* changes.c */
void family_flips(const golden *from);
void family_pairs(const golden *from);
void family_bytes(const golden *from);
void family_outer(const golden *from);          /* lengths.c */
void family_inner(const golden *from);
void family_headers(const golden *from);        /* structure.c */
void family_edits(const golden *from);
void family_splits(const golden *from);         /* pipes.c */
void family_resync(const golden *from);

/* Everything, on golden frames up to max_size bytes. */
void corpus_enumerate(uint32_t max_size);

#endif
