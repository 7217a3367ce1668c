#include "local/apertium.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "local/apertium_pipe.h"
#include "local/apertium_text.h"
#include "local/limits.h"
#include <assert.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MODES_DIR "/usr/share/apertium/modes"

struct pair {
    char name[APERTIUM_NAME_MAX]; /* eng-spa, spa-eng_US */
    struct apertium_mode mode;
    struct apertium_pipe pipe;
};

struct apertium {
    unsigned deadline_ms;
    size_t pairs_len;
    struct pair pairs[APERTIUM_PAIRS_MAX];
};

/* "eng-spa.mode" → "eng-spa"; modes for developers ("eng-spa-tagger") have more parts and are no
 * pairs. */
static bool pair_name(const char *file, char out[APERTIUM_NAME_MAX])
{
    size_t len = strlen(file);
    if (len < 6 || len >= APERTIUM_NAME_MAX || strcmp(file + len - 5, ".mode") != 0)
        return false;
    memcpy(out, file, len - 5);
    out[len - 5] = '\0';
    const char *dash = strchr(out, '-');
    return dash != NULL && dash > out && dash[1] != '\0' && strchr(dash + 1, '-') == NULL;
}

static int pair_order(const void *a, const void *b)
{
    return strcmp(((const struct pair *)a)->name, ((const struct pair *)b)->name);
}

static void pair_add(struct apertium *apertium, const char *dir, const char *file)
{
    char path[1024];
    struct pair pair = {0};
    if (!pair_name(file, pair.name))
        return;
    snprintf(path, sizeof path, "%s/%s", dir, file);
    int status = apertium_mode_read(path, &pair.mode);
    if (status == 0 && apertium->pairs_len < APERTIUM_PAIRS_MAX) {
        apertium->pairs[apertium->pairs_len++] = pair;
        return;
    }
    apertium_mode_free(&pair.mode);
    LOG_WARN(LOG_LOCAL, 0, "language pair left out", "pair=%s reason=%s", pair.name,
             status_name(status != 0 ? status : STATUS_LIMIT));
}

int apertium_create(struct apertium **out, const struct apertium_config *config)
{
    assert(out != NULL && config != NULL);
    struct apertium *apertium = mem_calloc(1, sizeof *apertium);
    if (apertium == NULL)
        return STATUS_NOMEM;
    apertium->deadline_ms = config->deadline_ms != 0 ? config->deadline_ms : APERTIUM_DEADLINE_MS;
    const char *dir = config->modes_dir != NULL ? config->modes_dir : MODES_DIR;
    DIR *modes = opendir(dir);
    struct dirent *entry;
    while (modes != NULL && (entry = readdir(modes)) != NULL)
        pair_add(apertium, dir, entry->d_name);
    if (modes != NULL)
        closedir(modes);
    qsort(apertium->pairs, apertium->pairs_len, sizeof apertium->pairs[0], pair_order);
    *out = apertium;
    return 0;
}

void apertium_destroy(struct apertium *apertium)
{
    if (apertium == NULL)
        return;
    for (size_t i = 0; i < apertium->pairs_len; i++) {
        apertium_pipe_stop(&apertium->pairs[i].pipe);
        apertium_mode_free(&apertium->pairs[i].mode);
    }
    mem_free(apertium);
}

size_t apertium_pairs(const struct apertium *apertium)
{
    return apertium->pairs_len;
}

const char *apertium_pair_name(const struct apertium *apertium, size_t pair)
{
    assert(pair < apertium->pairs_len);
    return apertium->pairs[pair].name;
}

unsigned apertium_starts(const struct apertium *apertium, size_t pair)
{
    assert(pair < apertium->pairs_len);
    return apertium->pairs[pair].pipe.starts;
}

/* True when `name` begins with the language written as ISO 639-3 or 639-1, `at` is moved behind it.
 */
static bool side_matches(const char **at, const char *tag)
{
    char three[16], two[16];
    if (!apertium_language(tag, three))
        return false;
    size_t len = strcspn(tag, "-_");
    snprintf(two, sizeof two, "%.*s", (int)(len < 15 ? len : 15), tag);
    const char *codes[] = {three, two};
    size_t side = strcspn(*at, "-_");
    for (size_t i = 0; i < 2; i++) {
        if (strlen(codes[i]) == side && strncasecmp(*at, codes[i], side) == 0) {
            *at += side;
            return true;
        }
    }
    return false;
}

/* 0: no match, 1: the languages, 2: the region too, which a name writes behind its target:
 * spa-eng_US. */
static int pair_score(const char *name, const char *source, const char *target)
{
    const char *at = name;
    if (!side_matches(&at, source) || *at++ != '-' || !side_matches(&at, target))
        return 0;
    const char *region = strpbrk(target, "-_");
    if (*at == '\0')
        return 2;
    return region != NULL && strcasecmp(at + 1, region + 1) == 0 ? 3 : 1;
}

int apertium_pair_find(const struct apertium *apertium, const char *source, const char *target,
                       size_t *out)
{
    int best = 0;
    for (size_t i = 0; i < apertium->pairs_len; i++) {
        int score = pair_score(apertium->pairs[i].name, source, target);
        if (score > best) {
            best = score;
            *out = i;
        }
    }
    return best > 0 ? 0 : STATUS_NOT_FOUND;
}

int apertium_warm(struct apertium *apertium, size_t pair)
{
    assert(pair < apertium->pairs_len);
    struct pair *p = &apertium->pairs[pair];
    return p->pipe.pids_len > 0 ? 0 : apertium_pipe_start(&p->pipe, &p->mode);
}

/* A pipeline that had died unnoticed is started once more for the same text; one that this text
 * kills or stalls is not. */
static int pair_ask(struct apertium *apertium, size_t pair, const struct buf *text,
                    struct buf *answer)
{
    struct pair *p = &apertium->pairs[pair];
    int status = STATUS_UNAVAILABLE;
    for (int attempt = 0; attempt < 2; attempt++) {
        bool fresh = p->pipe.pids_len == 0;
        status = apertium_warm(apertium, pair);
        if (status != 0)
            return STATUS_UNAVAILABLE;
        buf_reset(answer);
        status = apertium_pipe_ask(&p->pipe, text->data, text->len, apertium->deadline_ms, answer);
        if (status == 0)
            return 0;
        apertium_pipe_stop(&p->pipe);
        LOG_WARN(LOG_LOCAL, 0, "translation programs stopped", "pair=%s reason=%s", p->name,
                 status_name(status));
        if (status != STATUS_CLOSED || fresh)
            break;
    }
    return status == STATUS_TIMEOUT ? status : STATUS_UNAVAILABLE;
}

int apertium_translate(struct apertium *apertium, size_t pair, const char *text, struct buf *out)
{
    assert(pair < apertium->pairs_len && text != NULL && out != NULL);
    const char *name = apertium->pairs[pair].name;
    bool english = strncmp(name, "en", 2) == 0;
    const char *target = strchr(name, '-') + 1;
    bool spanish = strncmp(target, "spa", 3) == 0 || strncmp(target, "es", 2) == 0;
    struct apertium_style style;
    struct buf prepared, answer;
    if (strlen(text) > APERTIUM_TEXT_MAX)
        return STATUS_LIMIT;
    buf_init(&prepared, 2 * APERTIUM_TEXT_MAX + 2);
    buf_init(&answer, APERTIUM_ANSWER_MAX);
    int status = apertium_text_prepare(text, english, &prepared, &style);
    if (status == 0 && prepared.len > 0)
        status = pair_ask(apertium, pair, &prepared, &answer);
    if (status == 0)
        status = apertium_text_finish(answer.data, answer.len, spanish, &style, out);
    buf_deinit(&prepared);
    buf_deinit(&answer);
    return status;
}
