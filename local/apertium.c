#include "local/apertium.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "local/apertium_choice.h"
#include "local/apertium_pipe.h"
#include "local/apertium_readings.h"
#include "local/apertium_text.h"
#include "local/limits.h"
#include "local/linkgrammar.h"
#include <assert.h>
#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MODES_DIR "/usr/share/apertium/modes"

#define PARTS_MAX 3

/* What we do to the stream between two parts of a pair's programs. */
enum seam { SEAM_NONE, SEAM_READINGS, SEAM_CHOICE };

struct part {
    struct apertium_mode mode; /* some of the pair's programs, in the pair's memory */
    struct apertium_pipe pipe;
    enum seam behind;
};

struct pair {
    char name[APERTIUM_NAME_MAX]; /* eng-spa, spa-eng_US */
    struct apertium_mode mode;
    size_t parts_len;
    struct part parts[PARTS_MAX];
};

struct apertium {
    unsigned deadline_ms;
    struct link_grammar *parser; /* NULL: not installed, or no pair from English */
    pthread_mutex_t parsing;     /* two pairs may be at work on two threads */
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

static bool from_english(const struct pair *pair)
{
    return strncmp(pair->name, "en", 2) == 0;
}

static bool to_spanish(const struct pair *pair)
{
    const char *target = strchr(pair->name, '-') + 1;
    return strncmp(target, "spa", 3) == 0 || strncmp(target, "es", 2) == 0;
}

/* True when an argument of the program ends like this. */
static bool stage_has(char *const argv[], const char *end)
{
    for (size_t i = 1; argv[i] != NULL; i++) {
        size_t len = strlen(argv[i]), tail = strlen(end);
        if (len >= tail && strcmp(argv[i] + len - tail, end) == 0)
            return true;
    }
    return false;
}

static enum seam seam_behind(const struct apertium *apertium, const struct pair *pair, size_t stage)
{
    char *const *argv = pair->mode.argv[stage];
    if (stage + 1 == pair->mode.stages || !from_english(pair))
        return SEAM_NONE;
    if (stage == 0 && apertium->parser != NULL && stage_has(argv, "automorf.bin"))
        return SEAM_READINGS;
    return to_spanish(pair) && stage_has(argv, "autobil.bin") ? SEAM_CHOICE : SEAM_NONE;
}

/* Cuts the pair's row of programs where we look into the stream. */
static void pair_split(const struct apertium *apertium, struct pair *pair)
{
    struct part *part = &pair->parts[0];
    for (size_t i = 0; i < pair->mode.stages; i++) {
        memcpy(part->mode.argv[part->mode.stages++], pair->mode.argv[i], sizeof pair->mode.argv[i]);
        part->behind = seam_behind(apertium, pair, i);
        if (part->behind != SEAM_NONE && part + 1 < pair->parts + PARTS_MAX)
            part++;
    }
    pair->parts_len = (size_t)(part - pair->parts) + 1;
}

/* Reads the parser's dictionary only for those who translate from English. */
static void parser_load(struct apertium *apertium)
{
    bool wanted = false;
    for (size_t i = 0; i < apertium->pairs_len; i++) {
        const struct pair *pair = &apertium->pairs[i];
        wanted = wanted || (from_english(pair) && stage_has(pair->mode.argv[0], "automorf.bin"));
    }
    if (wanted && link_grammar_create(&apertium->parser) != 0)
        LOG_WARN(LOG_LOCAL, 0, "translation without parses", "missing=%s",
                 "link-grammar-dictionaries-en");
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
    pthread_mutex_init(&apertium->parsing, NULL);
    parser_load(apertium);
    for (size_t i = 0; i < apertium->pairs_len; i++)
        pair_split(apertium, &apertium->pairs[i]);
    *out = apertium;
    return 0;
}

static void pair_stop(struct pair *pair)
{
    for (size_t i = 0; i < pair->parts_len; i++)
        apertium_pipe_stop(&pair->parts[i].pipe);
}

void apertium_destroy(struct apertium *apertium)
{
    if (apertium == NULL)
        return;
    for (size_t i = 0; i < apertium->pairs_len; i++) {
        pair_stop(&apertium->pairs[i]);
        apertium_mode_free(&apertium->pairs[i].mode);
    }
    link_grammar_destroy(apertium->parser);
    pthread_mutex_destroy(&apertium->parsing);
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
    return apertium->pairs[pair].parts[0].pipe.starts;
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
    int status = 0;
    for (size_t i = 0; i < p->parts_len && status == 0; i++) {
        struct part *part = &p->parts[i];
        if (part->pipe.pids_len == 0)
            status = apertium_pipe_start(&part->pipe, &part->mode);
    }
    if (status != 0)
        pair_stop(p);
    return status;
}

static int seam_pass(struct apertium *apertium, enum seam seam, struct buf *stream)
{
    struct buf passed;
    int status;
    buf_init(&passed, APERTIUM_ANSWER_MAX);
    if (seam == SEAM_READINGS) {
        pthread_mutex_lock(&apertium->parsing);
        status = apertium_readings_thin(apertium->parser, stream->data, stream->len, &passed);
        pthread_mutex_unlock(&apertium->parsing);
    } else {
        status = apertium_choice_make(stream->data, stream->len, &passed);
    }
    if (status == 0) {
        buf_reset(stream);
        status = buf_append(stream, passed.data, passed.len);
    }
    buf_deinit(&passed);
    return status;
}

/* The text through all parts of the pair; `answer` holds what each makes of it. */
static int pair_run(struct apertium *apertium, struct pair *p, const struct buf *text,
                    struct buf *answer)
{
    int64_t deadline_us = clock_mono_us() + (int64_t)apertium->deadline_ms * 1000;
    struct buf question;
    buf_init(&question, APERTIUM_ANSWER_MAX);
    int status = buf_append(&question, text->data, text->len);
    for (size_t i = 0; i < p->parts_len && status == 0; i++) {
        int64_t left_ms = (deadline_us - clock_mono_us() + 999) / 1000;
        buf_reset(answer);
        status = apertium_pipe_ask(&p->parts[i].pipe, question.data, question.len,
                                   left_ms > 0 ? (unsigned)left_ms : 0, answer);
        if (status != 0 || p->parts[i].behind == SEAM_NONE || answer->len == 0)
            continue;
        status = seam_pass(apertium, p->parts[i].behind, answer);
        buf_reset(&question);
        if (status == 0)
            status = buf_append(&question, answer->data, answer->len);
    }
    buf_deinit(&question);
    return status;
}

/* A pipeline that had died unnoticed is started once more for the same text; one that this text
 * kills or stalls is not. */
static int pair_ask(struct apertium *apertium, size_t pair, const struct buf *text,
                    struct buf *answer)
{
    struct pair *p = &apertium->pairs[pair];
    int status = STATUS_UNAVAILABLE;
    for (int attempt = 0; attempt < 2; attempt++) {
        bool fresh = p->parts[0].pipe.pids_len == 0;
        status = apertium_warm(apertium, pair);
        if (status != 0)
            return STATUS_UNAVAILABLE;
        status = pair_run(apertium, p, text, answer);
        if (status == 0)
            return 0;
        pair_stop(p);
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
    bool english = from_english(&apertium->pairs[pair]);
    bool spanish = to_spanish(&apertium->pairs[pair]);
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
