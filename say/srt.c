#include "say/srt.h"

#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "say/columns.h"
#include "say/limits.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct srt {
    FILE *file;
    unsigned cues;
    int64_t last_start_ms;
};

int srt_open(struct srt **out, const char *path)
{
    struct srt *srt = mem_calloc(1, sizeof *srt);
    if (srt == NULL)
        return STATUS_NOMEM;
    srt->file = fopen(path, "we");
    if (srt->file == NULL) {
        mem_free(srt);
        return STATUS_IO;
    }
    *out = srt;
    return STATUS_OK;
}

void srt_close(struct srt *srt)
{
    if (srt == NULL)
        return;
    fclose(srt->file);
    mem_free(srt);
}

static void write_time(FILE *file, int64_t ms)
{
    fprintf(file, "%02" PRId64 ":%02" PRId64 ":%02" PRId64 ",%03" PRId64, ms / 3600000,
            ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

/* Length of the next word, which is ended by white space or the end. */
static size_t word_len(const char *text, size_t len)
{
    size_t at = 0, step;
    uint32_t code;
    while ((step = utf8_decode(text + at, len - at, &code)) > 0 && !utf8_is_space(code))
        at += step;
    return at;
}

static size_t space_len(const char *text, size_t len)
{
    size_t at = 0, step;
    uint32_t code;
    while ((step = utf8_decode(text + at, len - at, &code)) > 0 &&
           (utf8_is_space(code) || code < 0x20))
        at += step;
    return at;
}

static void write_word(FILE *file, const char *text, size_t len)
{
    uint32_t code;
    size_t step;
    if (len == 3 && memcmp(text, "-->", 3) == 0) {
        fputs("->", file);
        return;
    }
    for (size_t at = 0; (step = utf8_decode(text + at, len - at, &code)) > 0; at += step) {
        if (columns_is_safe(code))
            fwrite(text + at, 1, step, file);
    }
}

/* Breaks lines between words; an arrow, which would read as a time line, is taken apart. */
static void write_text(FILE *file, const char *text)
{
    size_t len = strlen(text), columns = 0;
    for (size_t at = space_len(text, len); at < len; at += space_len(text + at, len - at)) {
        size_t word = word_len(text + at, len - at);
        size_t width = columns_of(text + at, word);
        if (columns > 0) {
            bool fits = columns + 1 + width <= SAY_CUE_COLUMNS;
            fputc(fits ? ' ' : '\n', file);
            columns = fits ? columns + 1 : 0;
        }
        write_word(file, text + at, word);
        columns += width;
        at += word;
    }
}

int srt_add(struct srt *srt, int64_t start_ms, int64_t end_ms, const char *text)
{
    size_t len = strlen(text);
    assert(srt != NULL);
    if (!utf8_valid(text, len) || space_len(text, len) == len)
        return STATUS_OK;
    if (start_ms < srt->last_start_ms)
        start_ms = srt->last_start_ms;
    if (end_ms <= start_ms)
        end_ms = start_ms + 1;
    srt->last_start_ms = start_ms;
    fprintf(srt->file, "%u\n", ++srt->cues);
    write_time(srt->file, start_ms);
    fputs(" --> ", srt->file);
    write_time(srt->file, end_ms);
    fputc('\n', srt->file);
    write_text(srt->file, text);
    fputs("\n\n", srt->file);
    return fflush(srt->file) == 0 && !ferror(srt->file) ? STATUS_OK : STATUS_IO;
}
