#include "base/utf8.h"
#include "grammar/grammar.h"
#include "tests/sim/session_sim.h"
#include "translate/translate.h"

#define TEXT_MAX 16384

/* --- answers --- */

static size_t word_put(char *text, size_t len, const char *word, size_t bytes)
{
    if (len + bytes + 2 > TEXT_MAX)
        return len;
    if (len > 0)
        text[len++] = ' ';
    memcpy(text + len, word, bytes);
    text[len + bytes] = '\0';
    return len + bytes;
}

/* A translator that changes its mind: words are replaced, put in, left out, restyled. Every word
 * ends in the session's tag and the language, so that none can be shown elsewhere unseen. */
static char *answer_make(struct sim *s, const char *text, const char *lang)
{
    static char out[TEXT_MAX];
    char word[64], suffix[16];
    size_t len = 0;
    out[0] = '\0';
    snprintf(suffix, sizeof suffix, "q%s%s", s->tag, lang);
    for (const char *at = text; *at != '\0';) {
        size_t bytes = strcspn(at, " ");
        uint64_t dice = rng_below(&s->rng, 1000);
        int n = snprintf(word, sizeof word, "%s%.*s%s%s", dice < 30 ? "\u00bf" : "",
                         (int)(bytes < 24 ? bytes : 24), at, suffix, dice % 10 == 0 ? "," : "");
        if (dice >= 900)
            n = snprintf(word, sizeof word, "%c%llu%s", (char)('a' + dice % 26),
                         (unsigned long long)(dice % 7), suffix);
        if (dice % 31 != 5 && bytes > 0)
            len = word_put(out, len, word, (size_t)n);
        at += bytes;
        at += strspn(at, " ");
    }
    int n = snprintf(word, sizeof word, "fin%s.", suffix);
    word_put(out, len, word, (size_t)n);
    return mem_strdup(out);
}

/* --- asked --- */

static struct chat_ask *ask_find(struct sim *s, uint32_t lane, uint32_t ask)
{
    for (size_t i = 0; i < s->chat.len; i++) {
        struct chat_ask *a = &s->chat.asks[i];
        if (a->used && a->lane == lane && a->ask == ask)
            return a;
    }
    return NULL;
}

static void ask_free(struct chat_ask *ask)
{
    mem_free(ask->text);
    mem_free(ask->answer);
    *ask = (struct chat_ask){0};
}

static struct chat_ask *ask_new(struct sim *s)
{
    struct chat *chat = &s->chat;
    for (size_t i = 0; i < chat->len; i++)
        if (!chat->asks[i].used)
            return &chat->asks[i];
    HOLD(s, chat->len < ASKS_MAX);
    return &chat->asks[chat->len++];
}

/* Latest wins: one request for a partial a lane. */
static void check_single(struct sim *s, uint32_t lane)
{
    for (size_t i = 0; i < s->chat.len && !s->config.eager; i++) {
        const struct chat_ask *a = &s->chat.asks[i];
        HOLD(s, !a->used || a->final || a->cancelled || a->lane != lane);
    }
}

/* The text asked about is the text that was shown under this revision, or the `rest` of it. */
static void check_text(struct sim *s, uint32_t segment, uint32_t rev, const char *text, bool rest)
{
    const char *shown = rules_text(s, segment, rev);
    size_t len = strlen(text), shown_len = shown != NULL ? strlen(shown) : 0;
    HOLD(s, shown == NULL || (rest ? shown_len > len : shown_len == len));
    HOLD(s, shown == NULL || strcmp(shown + shown_len - len, text) == 0);
    HOLD(s, len > 0);
}

static int ask_take(struct sim *s, struct chat_ask ask, const char *text, const char *lang)
{
    static const int refusals[] = {STATUS_FULL, STATUS_BUDGET, STATUS_UNAVAILABLE, STATUS_NOMEM};
    struct chat *chat = &s->chat;
    HOLD(s, !s->rules.over);
    s->rules.asks++;
    s->totals->asks++;
    HOLD(s, ask_find(s, ask.lane, ask.ask) == NULL);
    HOLD(s, ask.lat.last_us == s->now_us);
    if (!ask.final)
        check_single(s, ask.lane);
    if (chance(s, (int)chat->refuse)) {
        s->totals->refused_asks++;
        return refusals[rng_below(&s->rng, 4)];
    }
    ask.used = true;
    ask.due_us = s->now_us + (int64_t)(rng_lognormal(&s->rng, chat->median_ms, 0.8) * 1000);
    if (chance(s, (int)chat->silent))
        ask.due_us = INT64_MAX;
    if (!ask.grammar && ask.final && chance(s, 70))
        ask.pieces = (unsigned)rng_below(&s->rng, chat->at_most_pieces);
    ask.text = mem_strdup(text);
    ask.answer = answer_make(s, text, lang);
    *ask_new(s) = ask;
    TRACE(s, "ask %u.%u %s%s", ask.lane, ask.ask, lang, ask.final ? " final" : "");
    return STATUS_OK;
}

int chat_op_translate(void *ctx, uint32_t lane, const struct translate_ask *ask)
{
    struct sim *s = ctx;
    int lang = rules_lang(ask->target);
    HOLD(s, lang >= 0 && rules_wanted(s, KIND_LANG + lang, ask->segment));
    HOLD(s, ask->segment > s->rules.final[KIND_LANG + lang] && ask->deadline_us > s->now_us);
    HOLD(s, ask->final == (ask->segment <= s->rules.final[KIND_TRANSCRIPT]));
    check_text(s, ask->segment, ask->source_rev, ask->text, ask->before != NULL);
    struct chat_ask made = {.lane = lane, .ask = ask->ask, .final = ask->final, .lat = ask->lat};
    return ask_take(s, made, ask->text, sim_langs[lang]);
}

int chat_op_grammar(void *ctx, uint32_t lane, const struct grammar_ask *ask)
{
    struct sim *s = ctx;
    HOLD(s, rules_wanted(s, KIND_GRAMMAR, ask->segment));
    HOLD(s, ask->segment > s->rules.final[KIND_GRAMMAR] && ask->deadline_us > s->now_us);
    check_text(s, ask->segment, ask->source_rev, ask->text, false);
    struct chat_ask made = {
        .lane = lane, .ask = ask->ask, .final = ask->final, .grammar = true, .lat = ask->lat};
    return ask_take(s, made, ask->text, "gr");
}

/* Honoured, told, or too late. */
void chat_op_cancel(void *ctx, uint32_t lane, uint32_t number)
{
    struct sim *s = ctx;
    struct chat_ask *ask = ask_find(s, lane, number);
    /* Answers are not taken any more once the session is over. */
    if (ask == NULL && s->rules.over)
        return;
    HOLD(s, ask != NULL && !ask->cancelled);
    TRACE(s, "cancel %u.%u", lane, number);
    s->totals->cancels++;
    ask->cancelled = true;
    if (chance(s, 30) || ask->due_us == INT64_MAX)
        ask_free(ask);
    else if (chance(s, 50))
        ask->due_us = s->now_us;
}

/* --- answered --- */

static struct session_answer answer_of(struct sim *s, const struct chat_ask *ask, bool done)
{
    struct session_answer answer = {
        .lane = ask->lane, .ask = ask->ask, .done = done, .partial = !ask->final, .lat = ask->lat};
    lat_mark(&answer.lat, chance(s, 50) ? LAT_UPSTREAM : LAT_QUEUE, s->now_us);
    if (done && chance(s, 80)) {
        answer.tokens_in = (uint32_t)rng_below(&s->rng, 300);
        answer.tokens_out = (uint32_t)rng_below(&s->rng, 300);
        answer.cached = chance(s, 10);
    }
    s->rules.tokens_in += answer.tokens_in;
    s->rules.tokens_out += answer.tokens_out;
    s->rules.cached += answer.cached;
    return answer;
}

static void give_failure(struct sim *s, const struct chat_ask *ask, int status)
{
    struct session_answer answer = answer_of(s, ask, true);
    answer.status = status;
    session_answer(s->session, &answer, s->now_us);
}

static void give_whole(struct sim *s, const struct chat_ask *ask)
{
    struct session_answer answer = answer_of(s, ask, true);
    struct grammar_result result = {0};
    answer.text = ask->answer;
    if (ask->grammar) {
        answer.text = NULL;
        HOLD(s, grammar_diff(ask->text, ask->answer, &result) == STATUS_OK);
        answer.result = &result;
    }
    session_answer(s->session, &answer, s->now_us);
    grammar_result_free(&result);
}

static void give_piece(struct sim *s, const struct chat_ask *ask)
{
    size_t len = strlen(ask->answer), cut = rng_below(&s->rng, len + 1);
    while (cut > 0 && ((unsigned char)ask->answer[cut] & 0xc0) == 0x80)
        cut--;
    struct session_answer answer = answer_of(s, ask, false);
    char *text = mem_strndup(ask->answer, cut);
    answer.text = text;
    session_answer(s->session, &answer, s->now_us);
    mem_free(text);
}

static struct chat_ask *ask_next(const struct sim *s)
{
    struct chat_ask *next = NULL;
    for (size_t i = 0; i < s->chat.len; i++) {
        struct chat_ask *ask = &s->chat.asks[i];
        if (ask->used && ask->due_us < (next != NULL ? next->due_us : INT64_MAX))
            next = ask;
    }
    return next;
}

int64_t chat_due(const struct sim *s)
{
    const struct chat_ask *next = ask_next(s);
    return next != NULL ? next->due_us : INT64_MAX;
}

/* One thing of a request happens: a piece, the answer, a failure, or the echo of a cancel. */
void chat_step(struct sim *s)
{
    static const int statuses[] = {STATUS_UNAVAILABLE, STATUS_PROTOCOL, STATUS_TRUNCATED,
                                   STATUS_FILTERED,    STATUS_REFUSED,  STATUS_TIMEOUT,
                                   STATUS_BUDGET,      STATUS_NOMEM,    STATUS_FULL};
    struct chat_ask *next = ask_next(s), ask = *next;
    bool fails = chance(s, (int)s->chat.fault);
    if (ask.pieces > 0 && !fails) {
        next->pieces--;
        next->due_us += rng_range(&s->rng, 5, 60) * MS;
        give_piece(s, &ask);
        return;
    }
    *next = (struct chat_ask){0};
    s->totals->late_answers += ask.cancelled;
    if (ask.cancelled && chance(s, 50))
        give_failure(s, &ask, STATUS_CANCELLED);
    else if (fails)
        give_failure(s, &ask, statuses[rng_below(&s->rng, 9)]);
    else
        give_whole(s, &ask);
    ask_free(&ask);
}

void chat_abandoned(struct sim *s)
{
    for (size_t i = 0; i < s->chat.len; i++)
        HOLD(s, !s->chat.asks[i].used || s->chat.asks[i].cancelled ||
                    (s->config.eager && !s->chat.asks[i].final));
}

void chat_init(struct sim *s)
{
    struct chat *chat = &s->chat;
    chat->asks = mem_calloc(ASKS_MAX, sizeof *chat->asks);
    chat->median_ms = (double)rng_range(&s->rng, 50, chance(s, 15) ? 6000 : 1500);
    chat->fault = (unsigned)rng_below(&s->rng, 4) * 8;
    chat->silent = chance(s, 30) ? (unsigned)rng_below(&s->rng, 15) : 0;
    chat->refuse = chat->fault / 4;
    chat->at_most_pieces = 12;
}

void chat_deinit(struct sim *s)
{
    for (size_t i = 0; i < s->chat.len; i++)
        ask_free(&s->chat.asks[i]);
    mem_free(s->chat.asks);
}
