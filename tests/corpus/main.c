/* corpus [--all] [--seed N] [--goldens FILE] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus.h"

int main(int count, char **words)
{
    corpus.seed = 1;
    for (int i = 1; i < count; i++) {
        if (strcmp(words[i], "--all") == 0) {
            corpus.all = 1;
        } else if (strcmp(words[i], "--seed") == 0 && i + 1 < count) {
            corpus.seed = strtoull(words[++i], NULL, 10);
        } else if (strcmp(words[i], "--goldens") == 0 && i + 1 < count) {
            goldens_load(words[++i]);
        } else {
            fprintf(stderr, "corpus: unknown option %s\n", words[i]);
            return 2;
        }
    }
    corpus_enumerate(65536);
    return 0;
}
