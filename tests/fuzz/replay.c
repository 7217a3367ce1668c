/* Runs a fuzz target over every file of the folders and files named on the command line, so that corpora are part of every
 * `make check`, with or without libFuzzer. Each file is fed whole and at every prefix length up to 64 bytes. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    static uint8_t data[4 << 20];
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    /* A copy of the exact size lets the sanitizer see every read past the end. */
    uint8_t *exact = malloc(size + 1);
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    for (size_t cut = 0; cut < size && cut < 64; cut++)
        LLVMFuzzerTestOneInput(exact, cut);
    free(exact);
    replayed++;
}

static void replay_path(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        exit(1);
    }
    if (!S_ISDIR(st.st_mode)) {
        replay_file(path);
        return;
    }
    DIR *dir = opendir(path);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        char full[4096];
        snprintf(full, sizeof full, "%s/%s", path, entry->d_name);
        replay_path(full);
    }
    closedir(dir);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        replay_path(argv[i]);
    printf("%u inputs replayed\n", replayed);
    return replayed > 0 ? 0 : 1;
}
