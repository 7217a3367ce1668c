/*
 * Translation and grammar lanes against an upstream that is slow, fails, repeats itself, answers
 * out of order, after a cancel or at once. Virtual time, one seed a run: sim_lanes [seed
 * [sessions]].
 */
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/utf8.h"
#include "grammar/grammar.h"
#include "tests/check.h"
#include "translate/translate.h"
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define MS          1000
#define MINUTES     10
#define SESSIONS    200
#define REQUESTS    256
#define SEGMENTS    8192
#define TEXT_MAX    1024
#define TICK_LATE   (20 * MS) /* a loop that is behind */
#define DEADLINE_MS 4000

enum lane_kind { TRANSLATION, GRAMMAR, LANES };

struct request {
    bool used, cancelled;
    enum lane_kind kind;
    uint32_t ask, segment, source_rev;
    bool final;
    int64_t due_us;
    unsigned pieces; /* still to come before the answer */
    char text[TEXT_MAX];
    char answer[TEXT_MAX];
    struct lat lat;
};

/* What has been shown on a lane, to hold the rules against. */
struct watch {
    uint32_t final_segment;            /* newest final */
    uint32_t segment, rev, source_rev; /* newest message */
    char committed[TEXT_MAX];
};

struct session {
    struct rng rng;
    uint64_t seed;
    int64_t now_us;
    struct translate_lane *translate;
    struct grammar_lane *grammar;
    struct request requests[REQUESTS];
    struct watch watch[LANES];
    double median_ms;   /* of an answer */
    unsigned fault_pct; /* of requests that fail */
    bool hurry;         /* segments of a word or two */
    /* speech */
    uint32_t segment, rev;
    int64_t speak_us; /* next revision */
    unsigned words, words_end;
    char text[TEXT_MAX];
    size_t committed_len; /* of text; what follows is the recogniser's guess */
    enum translate_stability stability;
    int64_t closed_us[SEGMENTS]; /* when a segment's final source came, and its revision */
    uint32_t closed_rev[SEGMENTS];
};

static struct {
    uint64_t shown, finals, spliced, held, late, asked, cancelled, answered, at_once;
    uint64_t committed, masked, continued; /* partials with committed words, ones of high stability;
                                              asks for what follows a committed text */
    uint64_t failed[5];                    /* in the order of failures[] */
} stats;

static const char *const failures[] = {"deadline", "budget", "filtered", "truncated", "upstream"};
static struct session *current;
static bool broken;

/* A broken rule ends the run with all that is needed to see it again. */
#define RULE(expr)                                                                                 \
    do {                                                                                           \
        check_count++;                                                                             \
        if (!(expr)) {                                                                             \
            check_failed++;                                                                        \
            broken = true;                                                                         \
            fprintf(stderr, "%s:%d: RULE(%s) seed %llu at %lld us segment %u\n", __FILE__,         \
                    __LINE__, #expr, (unsigned long long)current->seed,                            \
                    (long long)current->now_us, current->segment);                                 \
        }                                                                                          \
    } while (0)

static bool chance(struct session *session, unsigned percent)
{
    return rng_below(&session->rng, 100) < percent;
}

static void word_put(char *text, const char *word)
{
    size_t len = strlen(text);
    if (len + strlen(word) + 2 < TEXT_MAX)
        snprintf(text + len, TEXT_MAX - len, "%s%s", len > 0 ? " " : "", word);
}

/* A translator that changes its mind: words are replaced, put in, left out, restyled. */
static void translated(struct session *session, const char *text, char *out)
{
    char word[64];
    out[0] = '\0';
    for (const char *at = text; *at != '\0';) {
        size_t len = strcspn(at, " ");
        snprintf(word, sizeof word, "%s%.*s%s", chance(session, 3) ? "\u00bf" : "", (int)len, at,
                 chance(session, 10) ? "," : "o");
        if ((unsigned char)word[0] < 0x80 && chance(session, 8))
            word[0] = (char)('a' + rng_below(&session->rng, 26));
        if (!chance(session, 3))
            word_put(out, word);
        if (chance(session, 3))
            word_put(out, chance(session, 50) ? "entonces" : "\u2014");
        at += len;
        at += strspn(at, " ");
    }
    if (chance(session, 30) || out[0] == '\0')
        word_put(out, "fin.");
}

static struct request *request_new(struct session *session)
{
    for (size_t i = 0; i < REQUESTS; i++) {
        if (!session->requests[i].used)
            return &session->requests[i];
    }
    assert(!"no room for a request");
    return NULL;
}

static struct request *request_find(struct session *session, enum lane_kind kind, uint32_t ask)
{
    for (size_t i = 0; i < REQUESTS; i++) {
        struct request *request = &session->requests[i];
        if (request->used && request->kind == kind && request->ask == ask)
            return request;
    }
    return NULL;
}

static void reply_fail(struct session *session, const struct request *request, int status)
{
    struct lat lat = request->lat;
    lat_mark(&lat, LAT_UPSTREAM, session->now_us);
    if (request->kind == TRANSLATION)
        translate_lane_failed(session->translate, request->ask, status, &lat, session->now_us);
    else
        grammar_lane_failed(session->grammar, request->ask, status, &lat, session->now_us);
}

static void reply_answer(struct session *session, const struct request *request, const char *text,
                         bool done)
{
    struct lat lat = request->lat;
    lat_mark(&lat, LAT_UPSTREAM, session->now_us);
    stats.answered += done;
    if (request->kind == TRANSLATION) {
        translate_lane_answer(session->translate, request->ask, text, done, &lat, session->now_us);
        return;
    }
    struct grammar_result result = {0};
    RULE(grammar_diff(request->text, text, &result) == 0);
    grammar_lane_answer(session->grammar, request->ask, &result, &lat, session->now_us);
    grammar_result_free(&result);
}

static int take(struct session *session, struct request request)
{
    static const int refusals[] = {STATUS_FULL, STATUS_BUDGET, STATUS_UNAVAILABLE, STATUS_NOMEM};
    stats.asked++;
    RULE(request_find(session, request.kind, request.ask) == NULL);
    RULE(request.lat.last_us == session->now_us);
    if (chance(session, session->fault_pct / 4))
        return refusals[rng_below(&session->rng, 4)];
    if (chance(session, 3)) {
        stats.at_once++;
        reply_answer(session, &request, request.answer, true);
        return 0;
    }
    double delay_ms = rng_lognormal(&session->rng, session->median_ms, 0.8);
    request.used = true;
    request.due_us = session->now_us + (int64_t)(delay_ms * MS);
    if (request.kind == TRANSLATION && request.final && chance(session, 70))
        request.pieces = (unsigned)rng_below(&session->rng, 12);
    *request_new(session) = request;
    return 0;
}

static int on_translate_ask(void *ctx, const struct translate_ask *ask)
{
    struct session *session = ctx;
    struct request request = {.kind = TRANSLATION,
                              .ask = ask->ask,
                              .segment = ask->segment,
                              .source_rev = ask->source_rev,
                              .final = ask->final,
                              .lat = ask->lat};
    RULE(ask->segment > session->watch[TRANSLATION].final_segment);
    RULE(ask->deadline_us > session->now_us);
    snprintf(request.text, sizeof request.text, "%s", ask->text);
    stats.continued += ask->before != NULL;
    RULE((ask->before == NULL) == (ask->before_target == NULL));
    translated(session, request.text, request.answer);
    return take(session, request);
}

static int on_grammar_ask(void *ctx, const struct grammar_ask *ask)
{
    struct session *session = ctx;
    struct request request = {.kind = GRAMMAR,
                              .ask = ask->ask,
                              .segment = ask->segment,
                              .source_rev = ask->source_rev,
                              .final = ask->final,
                              .lat = ask->lat};
    RULE(ask->segment > session->watch[GRAMMAR].final_segment);
    snprintf(request.text, sizeof request.text, "%s", ask->text);
    translated(session, request.text, request.answer);
    return take(session, request);
}

/* After a cancel the answer may still be on its way, or the cancellation is told, or nothing comes.
 */
static void drop(struct session *session, enum lane_kind kind, uint32_t ask)
{
    struct request *request = request_find(session, kind, ask);
    RULE(request != NULL && !request->cancelled);
    if (request == NULL)
        return;
    stats.cancelled++;
    request->cancelled = true;
    if (chance(session, 30))
        request->used = false;
    else if (chance(session, 50))
        request->due_us = session->now_us;
}

static void on_translate_cancel(void *ctx, uint32_t ask)
{
    drop(ctx, TRANSLATION, ask);
}

static void on_grammar_cancel(void *ctx, uint32_t ask)
{
    drop(ctx, GRAMMAR, ask);
}

/* The rule's own words: white space between, case and punctuation gone. True when `before` begins
 * `after`. */
static bool words_grow(const char *before, const char *after)
{
    char *a = utf8_fold_word(before, strlen(before)), *b = utf8_fold_word(after, strlen(after));
    const char *x = a, *y = b;
    bool grows = true;
    for (;;) {
        x += strspn(x, " ");
        y += strspn(y, " ");
        size_t len = strcspn(x, " ");
        if (len == 0)
            break;
        grows = grows && strcspn(y, " ") == len && memcmp(x, y, len) == 0;
        if (!grows)
            break;
        x += len;
        y += len;
    }
    mem_free(a);
    mem_free(b);
    return grows;
}

static void rules_of_all(struct session *session, enum lane_kind kind, uint32_t segment,
                         uint32_t rev, uint32_t source_rev)
{
    struct watch *watch = &session->watch[kind];
    stats.shown++;
    RULE(segment > watch->final_segment);
    RULE(segment >= watch->segment);
    if (segment != watch->segment) {
        watch->rev = watch->source_rev = 0;
        watch->committed[0] = '\0';
    }
    RULE(rev == watch->rev + 1);
    RULE(source_rev >= watch->source_rev);
    /* Nothing of a superseded revision once the last one is known. */
    uint32_t closed_rev = session->closed_rev[segment];
    RULE(closed_rev == 0 || source_rev == closed_rev);
    watch->segment = segment;
    watch->rev = rev;
    watch->source_rev = source_rev;
}

static void rules_of_lat(struct session *session, const struct lat *lat)
{
    int64_t sum = 0;
    for (int part = 0; part < LAT_PARTS; part++) {
        RULE(lat->part_us[part] >= 0);
        sum += lat->part_us[part];
    }
    RULE(lat->last_us == session->now_us);
    RULE(sum == lat->last_us - lat->start_us);
    stats.held += lat->part_us[LAT_HOLD] > 0;
}

static void rules_of_final(struct session *session, enum lane_kind kind, uint32_t segment,
                           const char *failed)
{
    struct watch *watch = &session->watch[kind];
    stats.finals++;
    RULE(segment == watch->final_segment + 1);
    watch->final_segment = segment;
    int64_t latest_us = session->closed_us[segment] + DEADLINE_MS * MS + TICK_LATE;
    RULE(session->closed_us[segment] > 0 && session->now_us <= latest_us);
    for (size_t i = 0; failed != NULL && i < sizeof failures / sizeof failures[0]; i++)
        stats.failed[i] += strcmp(failed, failures[i]) == 0;
}

/* What translated() made a word of: its first letter may have changed, the rest tells. */
static bool was_said(const char *word, size_t len, const char *said, size_t said_len)
{
    while (len > 0 && (word[len - 1] == ',' || word[len - 1] == 'o'))
        len--;
    for (size_t at = 0; at < said_len; at++) {
        size_t end = at;
        while (end < said_len && said[end] != ' ')
            end++;
        if (end - at == len && len > 0 && memcmp(said + at + 1, word + 1, len - 1) == 0)
            return true;
        at = end;
    }
    return false;
}

/* A guess that the recogniser may take back is not the ground of a committed word. */
static void rules_of_ground(struct session *session, const struct translate_show *show)
{
    if (show->segment != session->segment)
        return;
    for (const char *at = show->committed; *at != '\0';) {
        size_t len = strcspn(at, " ");
        bool inserted = (unsigned char)at[0] >= 0x80 || strncmp(at, "entonces", 8) == 0 ||
                        strncmp(at, "fin", 3) == 0;
        if (!inserted)
            RULE(was_said(at, len, session->text, session->committed_len));
        at += len;
        at += strspn(at, " ");
    }
}

static void on_translate_show(void *ctx, const struct translate_show *show)
{
    struct session *session = ctx;
    struct watch *watch = &session->watch[TRANSLATION];
    rules_of_all(session, TRANSLATION, show->segment, show->rev, show->source_rev);
    rules_of_lat(session, &show->lat);
    RULE(words_grow(watch->committed, show->committed));
    if (show->final) {
        rules_of_final(session, TRANSLATION, show->segment, show->failed);
        RULE(show->tentative[0] == '\0');
        RULE(show->failed == NULL || strcmp(show->committed, watch->committed) == 0);
        RULE(show->failed != NULL || show->committed[0] != '\0');
        stats.spliced += show->spliced;
    } else {
        RULE(!show->spliced && show->failed == NULL);
        rules_of_ground(session, show);
        stats.committed += show->committed[0] != '\0';
        stats.masked += session->stability == TRANSLATE_STABILITY_HIGH;
        RULE(session->stability != TRANSLATE_STABILITY_HIGH || show->segment != session->segment ||
             show->tentative[0] == '\0');
        RULE(strncmp(show->committed, watch->committed, strlen(watch->committed)) == 0);
    }
    snprintf(watch->committed, sizeof watch->committed, "%s", show->committed);
}

static void on_grammar_show(void *ctx, const struct grammar_show *show)
{
    struct session *session = ctx;
    rules_of_all(session, GRAMMAR, show->segment, show->rev, show->source_rev);
    rules_of_lat(session, &show->lat);
    RULE((show->result == NULL) == (show->failed != NULL));
    if (show->final)
        rules_of_final(session, GRAMMAR, show->segment, show->failed);
}

/* One thing of a request happens: a piece, the answer, a failure, or the echo of a cancel. */
static void request_run(struct session *session, struct request *request)
{
    static const int statuses[] = {STATUS_UNAVAILABLE, STATUS_PROTOCOL, STATUS_TRUNCATED,
                                   STATUS_FILTERED,    STATUS_REFUSED,  STATUS_TIMEOUT,
                                   STATUS_BUDGET};
    struct request now = *request;
    bool fails = chance(session, session->fault_pct);
    if (now.pieces > 0 && !fails) {
        char text[TEXT_MAX];
        size_t len = strlen(now.answer), cut = rng_below(&session->rng, len + 1);
        cut = utf8_offset(now.answer, len, utf8_count(now.answer, cut));
        snprintf(text, sizeof text, "%.*s", (int)cut, now.answer);
        request->pieces--;
        request->due_us += rng_range(&session->rng, 5, 60) * MS;
        reply_answer(session, &now, text, false);
        return;
    }
    request->used = false;
    stats.late += now.cancelled;
    if (now.cancelled && chance(session, 50))
        reply_fail(session, &now, STATUS_CANCELLED);
    else if (fails)
        reply_fail(session, &now, statuses[rng_below(&session->rng, 7)]);
    else
        reply_answer(session, &now, now.answer, true);
}

static struct request *request_next(struct session *session)
{
    struct request *next = NULL;
    for (size_t i = 0; i < REQUESTS; i++) {
        struct request *request = &session->requests[i];
        if (request->used && (next == NULL || request->due_us < next->due_us))
            next = request;
    }
    return next;
}

static void segment_begin(struct session *session)
{
    session->segment++;
    assert(session->segment < SEGMENTS);
    session->rev = 0;
    session->words = 0;
    session->committed_len = 0;
    session->words_end = 1 + (unsigned)rng_below(&session->rng, session->hurry ? 3 : 24);
    session->text[0] = '\0';
}

/* The guesses behind the committed words are heard anew, some of them are committed, more follow.
 */
static void hear(struct session *session)
{
    char word[16];
    unsigned guesses = 0;
    for (const char *at = session->text + session->committed_len; *at != '\0'; guesses++) {
        at += strspn(at, " ");
        at += strcspn(at, " ");
    }
    unsigned kept = guesses > 0 ? (unsigned)rng_below(&session->rng, guesses + 1) : 0;
    for (; kept > 0; kept--, guesses--) {
        const char *at = session->text + session->committed_len;
        at += strspn(at, " ");
        session->committed_len = (size_t)(at - session->text) + strcspn(at, " ");
    }
    if (chance(session, 20)) {
        session->text[session->committed_len] = '\0';
        session->words -= guesses;
    }
    unsigned more = 1 + (unsigned)rng_below(&session->rng, 2);
    for (unsigned i = 0; i < more && session->words < session->words_end; i++, session->words++) {
        snprintf(word, sizeof word, "w%x", (unsigned)rng_below(&session->rng, 4096));
        word_put(session->text, word);
    }
}

static void speak(struct session *session)
{
    hear(session);
    bool final = session->words >= session->words_end;
    if (final)
        session->committed_len = strlen(session->text);
    struct lat lat;
    lat_start(&lat, session->now_us - rng_range(&session->rng, 0, 300) * MS);
    struct translate_source source = {.segment = session->segment,
                                      .rev = ++session->rev,
                                      .final = final,
                                      .text = session->text,
                                      .committed_len = session->committed_len,
                                      .stability = session->stability,
                                      .lat = lat};
    struct grammar_source words = {.segment = session->segment,
                                   .rev = session->rev,
                                   .final = final,
                                   .text = session->text,
                                   .lat = lat};
    if (final) {
        session->closed_us[session->segment] = session->now_us;
        session->closed_rev[session->segment] = session->rev;
    }
    translate_lane_source(session->translate, &source, session->now_us);
    grammar_lane_source(session->grammar, &words, session->now_us);
    int64_t gap_ms = session->hurry ? 60 : 250;
    if (final) {
        gap_ms += rng_range(&session->rng, 0, session->hurry ? 100 : 1500);
        segment_begin(session);
    }
    session->speak_us += gap_ms * MS;
}

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Runs until `end_us`, or, with `drain`, until nothing is owed. */
static void session_run(struct session *session, int64_t end_us, bool drain)
{
    int64_t due_us = 0;
    while (!broken) {
        struct request *next = request_next(session);
        int64_t speak_us = drain ? INT64_MAX : session->speak_us;
        int64_t reply_us = next != NULL ? next->due_us : INT64_MAX;
        int64_t at_us = earliest(earliest(speak_us, reply_us), due_us);
        if (at_us >= end_us)
            break;
        session->now_us = at_us > session->now_us ? at_us : session->now_us;
        if (at_us == reply_us)
            request_run(session, next);
        else if (at_us == speak_us)
            speak(session);
        int64_t ticked_us = earliest(translate_lane_tick(session->translate, session->now_us),
                                     grammar_lane_tick(session->grammar, session->now_us));
        RULE(ticked_us > session->now_us);
        due_us = ticked_us;
        if (due_us < INT64_MAX)
            due_us += rng_range(&session->rng, 0, TICK_LATE);
        if (drain && translate_lane_owed(session->translate) == 0 &&
            grammar_lane_owed(session->grammar) == 0)
            break;
    }
}

static void session_begin(struct session *session, uint64_t seed)
{
    memset(session, 0, sizeof *session);
    session->seed = seed;
    rng_init(&session->rng, seed);
    session->hurry = chance(session, 10);
    session->median_ms = (double)rng_range(&session->rng, 50, session->hurry ? 6000 : 1500);
    session->fault_pct = (unsigned)rng_below(&session->rng, 4) * 8;
    session->now_us = session->speak_us = 1000000;
    session->stability = (enum translate_stability)rng_below(&session->rng, 4);
    segment_begin(session);
    bool partials = chance(session, 80);
    static const struct translate_ops translate_ops = {on_translate_ask, on_translate_cancel,
                                                       on_translate_show};
    static const struct grammar_ops grammar_ops = {on_grammar_ask, on_grammar_cancel,
                                                   on_grammar_show};
    struct translate_config translate = {.source = "en-US",
                                         .target = "es",
                                         .partials = partials,
                                         .partial_gap_ms = 400,
                                         .partial_words = 2,
                                         .final_deadline_ms = DEADLINE_MS,
                                         .partial_deadline_ms = 2000};
    struct grammar_config grammar = {.language = "en-US",
                                     .partials = partials,
                                     .partial_gap_ms = 1500,
                                     .partial_words = 4,
                                     .final_deadline_ms = DEADLINE_MS,
                                     .partial_deadline_ms = 3000};
    RULE(translate_lane_create(&session->translate, &translate, &translate_ops, session) == 0);
    RULE(grammar_lane_create(&session->grammar, &grammar, &grammar_ops, session) == 0);
}

static void session_check(struct session *session)
{
    uint32_t closed = session->segment - 1;
    RULE(translate_lane_owed(session->translate) == 0);
    RULE(grammar_lane_owed(session->grammar) == 0);
    RULE(session->watch[TRANSLATION].final_segment == closed);
    RULE(session->watch[GRAMMAR].final_segment == closed);
    translate_lane_destroy(session->translate);
    grammar_lane_destroy(session->grammar);
    for (size_t i = 0; i < REQUESTS; i++)
        RULE(!session->requests[i].used || session->requests[i].cancelled);
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : rng_seed();
    const char *scale = getenv("SOTTO_SIM_SCALE");
    unsigned sessions = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : SESSIONS;
    if (scale != NULL && strtod(scale, NULL) > 0)
        sessions = (unsigned)(sessions * strtod(scale, NULL)) + 1;
    printf("seed %llu\n", (unsigned long long)seed);
    current = mem_calloc(1, sizeof *current);
    for (unsigned i = 0; i < sessions && !broken; i++) {
        session_begin(current, seed + i);
        session_run(current, MINUTES * 60ll * 1000 * MS, false);
        session_run(current, INT64_MAX, true);
        session_check(current);
    }
    printf("%llu asked, %llu answered, %llu at once, %llu cancelled, %llu late; %llu shown, %llu "
           "finals, %llu spliced, %llu held\n",
           (unsigned long long)stats.asked, (unsigned long long)stats.answered,
           (unsigned long long)stats.at_once, (unsigned long long)stats.cancelled,
           (unsigned long long)stats.late, (unsigned long long)stats.shown,
           (unsigned long long)stats.finals, (unsigned long long)stats.spliced,
           (unsigned long long)stats.held);
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
        printf("%s %llu ", failures[i], (unsigned long long)stats.failed[i]);
    printf("\n");
    /* A run that met none of these has tested nothing. */
    for (size_t i = 0; sessions >= SESSIONS && i < sizeof failures / sizeof failures[0]; i++)
        CHECK(stats.failed[i] > 0);
    printf("%llu partials with committed words, %llu of high stability, %llu asks for the rest\n",
           (unsigned long long)stats.committed, (unsigned long long)stats.masked,
           (unsigned long long)stats.continued);
    CHECK(sessions < SESSIONS || (stats.spliced > 0 && stats.held > 0));
    CHECK(sessions < SESSIONS || (stats.late > 0 && stats.at_once > 0));
    CHECK(sessions < SESSIONS || (stats.committed > 0 && stats.masked > 0 && stats.continued > 0));
    mem_free(current);
    return check_done();
}
