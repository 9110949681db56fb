/* twin FILE...: what the session's calls refuse, then the recorded sessions of the files. 0 when all is as it should be. */
#include <stdio.h>
#include <stdlib.h>

#include "program.h"
#include "twin.h"

static unsigned long checks;

void program_check(int good, const char *text, const char *file, int line)
{
    checks++;
    if (!good) {
        printf("%s:%d: %s\n", file, line, text);
        fflush(stdout);
        exit(1);
    }
}

/* The text of a file, ended by a zero; the caller frees it. */
static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    long bytes;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (bytes = ftell(file)) < 0) {
        printf("%s: cannot be read\n", path);
        exit(1);
    }
    rewind(file);
    text = calloc(1, (size_t)bytes + 1u);
    CHECK(text != NULL && fread(text, 1, (size_t)bytes, file) == (size_t)bytes);
    fclose(file);
    return text;
}

int main(int count, char **words)
{
    long all = 0;
    long sessions = 0;

    test_refusals();
    test_channels();
    test_floor();
    test_large();
    test_packing();
    test_text_limits();
    test_resume();
    for (int i = 1; i < count; i++) {
        char *text = read_file(words[i]);
        long found;
        const long steps = twin_replay(text, &found);

        if (steps < 0) {
            printf("%s:%ld: not what was recorded\n", words[i], -1 - steps);
            return 1;
        }
        all += steps;
        sessions += found;
        free(text);
    }
    printf("twin: %lu checks, %ld sessions, %ld steps\n", checks, sessions, all);
    return 0;
}
