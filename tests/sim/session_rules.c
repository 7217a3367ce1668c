#include "base/utf8.h"
#include "tests/sim/session_sim.h"
#include <ctype.h>
#include <strings.h>

const char *const sim_langs[LANGS] = {"es", "de", "fr", "it", "pt", "nl", "pl", "sv",
                                      "da", "fi", "cs", "ro", "hu", "el", "tr", "uk",
                                      "bg", "hr", "sk", "sl", "et", "lv", "lt", "ga"};

int rules_lang(const char *lang)
{
    for (int i = 0; i < LANGS; i++)
        if (strcmp(sim_langs[i], lang) == 0)
            return i;
    return -1;
}

static struct setting setting_of(uint32_t from, const struct client_settings *settings)
{
    struct setting setting = {
        .from = from, .grammar = settings->grammar, .partials = settings->partials};
    for (unsigned i = 0; i < settings->targets_len; i++)
        setting.langs |= 1u << rules_lang(settings->targets[i]);
    return setting;
}

void rules_init(struct sim *s, const struct client_settings *settings)
{
    struct rules *r = &s->rules;
    r->settings = mem_calloc(SETTINGS_MAX, sizeof *r->settings);
    r->settings[r->settings_len++] = r->told = setting_of(1, settings);
    r->input_us = r->acked_us = s->now_us;
    r->end_by_us = INT64_MAX;
}

void rules_deinit(struct sim *s)
{
    struct rules *r = &s->rules;
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; i < RECENT; i++)
            mem_free(r->seen[kind][i].committed);
    for (int i = 0; i < REVISIONS; i++)
        mem_free(r->revisions[i].text);
    mem_free(r->settings);
}

const struct setting *rules_setting(const struct sim *s, uint32_t segment)
{
    const struct rules *r = &s->rules;
    unsigned i = r->settings_len - 1;
    while (i > 0 && r->settings[i].from > segment)
        i--;
    return &r->settings[i];
}

bool rules_wanted(const struct sim *s, int kind, uint32_t segment)
{
    const struct setting *setting = rules_setting(s, segment);
    if (kind == KIND_TRANSCRIPT)
        return true;
    return kind == KIND_GRAMMAR ? setting->grammar
                                : (setting->langs >> (kind - KIND_LANG) & 1) != 0;
}

/* The oldest segment with a final transcript for which this kind is owed; 0 for none. */
static uint32_t owed(struct sim *s, int kind)
{
    struct rules *r = &s->rules;
    uint32_t *clear = &r->clear[kind];
    if (*clear < r->final[kind])
        *clear = r->final[kind];
    for (; *clear < r->final[KIND_TRANSCRIPT]; ++*clear)
        if (rules_wanted(s, kind, *clear + 1))
            return *clear + 1;
    return 0;
}

static void revision_keep(struct sim *s, const struct event *event)
{
    struct rules *r = &s->rules;
    struct revision *kept = &r->revisions[r->revisions_next++ % REVISIONS];
    size_t len = strlen(event->committed), more = strlen(event->tentative);
    mem_free(kept->text);
    kept->segment = event->segment;
    kept->rev = event->rev;
    kept->text = mem_alloc(len + more + 1);
    memcpy(kept->text, event->committed, len);
    memcpy(kept->text + len, event->tentative, more + 1);
}

const char *rules_text(const struct sim *s, uint32_t segment, uint32_t rev)
{
    for (int i = 0; i < REVISIONS; i++) {
        const struct revision *kept = &s->rules.revisions[i];
        if (kept->text != NULL && kept->segment == segment && kept->rev == rev)
            return kept->text;
    }
    return NULL;
}

/* Lower case, words parted by one space; all punctuation here is ASCII's or not ASCII at all. */
static char *fold(const char *text)
{
    char *out = mem_alloc(strlen(text) + 1), *at = out;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x80 && isalnum(c))
            *at++ = (char)tolower(c);
        else if (c == ' ' && at > out && at[-1] != ' ')
            *at++ = ' ';
    }
    while (at > out && at[-1] == ' ')
        at--;
    *at = '\0';
    return out;
}

static bool words_grow(const char *before, const char *after)
{
    size_t len = strlen(before);
    return strncmp(before, after, len) == 0 &&
           (len == 0 || after[len] == ' ' || after[len] == '\0');
}

/* --- one message of a segment --- */

static void check_lat(struct sim *s, const struct event *event)
{
    const struct lat *lat = &event->lat;
    int64_t sum = 0;
    HOLD(s, event->has_lat && lat->start_us > 0 && lat->start_us <= s->now_us);
    for (int i = 0; i < LAT_PARTS; i++) {
        HOLD(s, lat->part_us[i] >= 0);
        sum += lat->part_us[i];
    }
    HOLD(s, lat->last_us == s->now_us && sum == lat->last_us - lat->start_us);
}

static struct seen *seen_at(struct sim *s, int kind, uint32_t segment)
{
    struct seen *seen = &s->rules.seen[kind][segment % RECENT];
    HOLD(s, segment > 0 && seen->segment <= segment);
    if (seen->segment < segment) {
        mem_free(seen->committed);
        *seen = (struct seen){.segment = segment, .committed = mem_strdup("")};
    }
    return seen;
}

static void check_texts(struct sim *s, struct seen *seen, const struct event *event)
{
    HOLD(s, utf8_valid(event->committed, strlen(event->committed)));
    HOLD(s, utf8_valid(event->tentative, strlen(event->tentative)));
    HOLD(s, !event->final || event->tentative[0] == '\0');
    HOLD(s, event->final || !event->spliced);
    HOLD(s, event->start_ms >= 0 && event->start_ms <= event->end_ms);
    char *now = fold(event->committed);
    HOLD(s, words_grow(seen->committed, now));
    mem_free(seen->committed);
    seen->committed = now;
}

/* Audio is not acknowledged while something is owed for it; but words that a provider takes back and brings again after
 * seconds of silence come too late for that. */
static void check_not_acked(struct sim *s, int kind, const struct event *event)
{
    struct seen *said = &s->rules.seen[KIND_TRANSCRIPT][event->segment % RECENT];
    bool acked = sim_samples(s, event->end_ms) + sim_samples(s, 1) < s->rules.acked;
    if (kind == KIND_TRANSCRIPT)
        said->late = acked;
    else if (kind != KIND_GRAMMAR && said->segment == event->segment && !said->late)
        HOLD(s, !acked);
}

static struct seen *check_message(struct sim *s, int kind, const struct event *event)
{
    struct rules *r = &s->rules;
    struct seen *seen = seen_at(s, kind, event->segment);
    TRACE(s, "message kind %d %u.%u%s", kind, event->segment, event->rev,
          event->final ? " final" : "");
    HOLD(s, rules_wanted(s, kind, event->segment));
    HOLD(s, event->final || rules_setting(s, event->segment)->partials);
    HOLD(s, !seen->final && event->segment > r->final[kind]);
    HOLD(s, event->rev > seen->rev);
    HOLD(s, (event->replace_key == 0) == event->final);
    check_lat(s, event);
    seen->rev = event->rev;
    if (event->segment > r->newest)
        r->newest = event->segment;
    s->totals->partials[event->kind - EVENT_TRANSCRIPT] += !event->final;
    s->totals->finals[event->kind - EVENT_TRANSCRIPT] += event->final;
    s->totals->spliced += event->spliced;
    if (!event->final)
        return seen;
    HOLD(s, event->segment == (kind == KIND_TRANSCRIPT ? r->final[kind] + 1 : owed(s, kind)));
    check_not_acked(s, kind, event);
    seen->final = true;
    r->final[kind] = event->segment;
    return seen;
}

/* The script's words come back one by one, whoever heard them. */
static void check_words(struct sim *s, char *text)
{
    char *save = NULL, want[32];
    for (char *word = strtok_r(text, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
        snprintf(want, sizeof want, "w%s%zu", s->tag, s->rules.next_word);
        if (strcmp(word, want) != 0)
            fprintf(stderr, "  heard %s, expected %s\n", word, want);
        HOLD(s, strcmp(word, want) == 0);
        s->rules.next_word++;
    }
}

/* What a liar of a provider says may be anything; words that look like ours must be ours. */
static void check_own_words(struct sim *s, const char *text)
{
    for (const char *at = text; *at != '\0'; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        bool scripted = len > 2 && at[0] == 'w' && isalpha((unsigned char)at[1]) &&
                        isdigit((unsigned char)at[2]);
        HOLD(s, !scripted || at[1] == s->tag[0]);
        at += len;
    }
}

static bool scripted(const struct sim *s)
{
    return s->provider.manner.truthful && !s->provider.manner.refuses;
}

static void on_transcript(struct sim *s, const struct event *event)
{
    struct rules *r = &s->rules;
    unsigned slot = event->segment % RECENT;
    struct seen *seen = check_message(s, KIND_TRANSCRIPT, event);
    int64_t received_ms =
        (int64_t)((session_received(s->session) * 1000 + s->provider.rate - 1) / s->provider.rate);
    TRACE(s, "%s transcript %u.%u \"%s\" + \"%s\"", event->final ? "final" : "partial",
          event->segment, event->rev, event->committed, event->tentative);
    HOLD(s, event->segment == r->final[KIND_TRANSCRIPT] + !event->final);
    HOLD(s, event->segment == 1 || event->start_ms >= r->end_ms[(event->segment - 1) % RECENT]);
    HOLD(s, event->end_ms <= received_ms);
    HOLD(s, event->language != NULL && strcmp(event->language, "en-US") == 0);
    check_texts(s, seen, event);
    check_own_words(s, seen->committed);
    revision_keep(s, event);
    if (!event->final)
        return;
    HOLD(s, event->committed[0] != '\0');
    r->final_us[slot] = s->now_us;
    r->start_ms[slot] = event->start_ms;
    r->end_ms[slot] = event->end_ms;
    r->final_rev[slot] = event->rev;
    if (scripted(s)) {
        char *words = mem_strdup(seen->committed);
        check_words(s, words);
        mem_free(words);
    }
}

/* Of a source the client has seen, never an older one than before; of the last one once it is
 * known. */
static void check_source(struct sim *s, struct seen *seen, const struct event *event)
{
    struct rules *r = &s->rules;
    const struct seen *source = &r->seen[KIND_TRANSCRIPT][event->segment % RECENT];
    HOLD(s, source->segment == event->segment);
    HOLD(s, event->source_rev >= 1 && event->source_rev <= source->rev);
    HOLD(s, event->source_rev >= seen->source_rev);
    HOLD(s, !source->final || event->source_rev == source->rev);
    HOLD(s, source->final || !event->final);
    seen->source_rev = event->source_rev;
    if (event->final) {
        int64_t within_us = (int64_t)s->config.final_deadline_ms * MS + LATE_US;
        HOLD(s, s->now_us <= r->final_us[event->segment % RECENT] + within_us);
    }
}

static void check_failed(struct sim *s, const struct event *event)
{
    static const char *const names[] = {"deadline",  "budget",   "refused",
                                        "truncated", "filtered", "upstream"};
    int found = -1;
    if (event->failed == NULL)
        return;
    for (int i = 0; i < 6; i++)
        if (strcmp(names[i], event->failed) == 0)
            found = i;
    HOLD(s, found >= 0 && event->final);
    s->totals->failed[found]++;
}

static void on_translation(struct sim *s, const struct event *event)
{
    int lang = rules_lang(event->language);
    HOLD(s, lang >= 0);
    struct seen *seen = check_message(s, KIND_LANG + lang, event);
    char suffix[16];
    int suffix_len = snprintf(suffix, sizeof suffix, "q%s%s", s->tag, event->language);
    TRACE(s, "%s translation %s %u.%u of %u \"%s\" + \"%s\" %s", event->final ? "final" : "partial",
          event->language, event->segment, event->rev, event->source_rev, event->committed,
          event->tentative, event->failed != NULL ? event->failed : "");
    HOLD(s, event->failed == NULL || seen->committed != NULL);
    check_texts(s, seen, event);
    check_source(s, seen, event);
    check_failed(s, event);
    HOLD(s, !event->final || event->failed != NULL || event->committed[0] != '\0');
    if (event->final)
        HOLD(s, event->end_ms == s->rules.end_ms[event->segment % RECENT]);
    for (const char *at = seen->committed; *at != '\0'; at += strspn(at, " ")) {
        at += strcspn(at, " ");
        HOLD(s, at - seen->committed >= suffix_len &&
                    memcmp(at - suffix_len, suffix, (size_t)suffix_len) == 0);
    }
}

/* `from` is what stands at start…end of the source; spans are in order. */
static void check_edits(struct sim *s, const struct event *event)
{
    const char *text = rules_text(s, event->segment, event->source_rev);
    uint32_t before = 0;
    for (size_t i = 0; i < event->edits_len && text != NULL; i++) {
        const struct event_edit *edit = &event->edits[i];
        size_t len = strlen(text), start = utf8_offset(text, len, edit->start);
        size_t end = utf8_offset(text, len, edit->end);
        HOLD(s, edit->start >= before && edit->start <= edit->end);
        HOLD(s, strlen(edit->from) == end - start &&
                    memcmp(edit->from, text + start, end - start) == 0);
        before = edit->end;
    }
}

static void on_grammar(struct sim *s, const struct event *event)
{
    struct seen *seen = check_message(s, KIND_GRAMMAR, event);
    TRACE(s, "%s grammar %u.%u of %u %s", event->final ? "final" : "partial", event->segment,
          event->rev, event->source_rev, event->failed != NULL ? event->failed : "");
    check_source(s, seen, event);
    check_failed(s, event);
    HOLD(s, event->corrected != NULL && (event->failed != NULL || event->corrected[0] != '\0'));
    check_edits(s, event);
}

/* --- the rest --- */

static void on_ack(struct sim *s, const struct event *event)
{
    struct rules *r = &s->rules;
    HOLD(s, event->audio_samples > r->acked);
    HOLD(s, event->audio_samples <= session_received(s->session));
    if (scripted(s) && r->next_word < s->provider.words_len)
        HOLD(s, s->provider.words[r->next_word].middle >= event->audio_samples);
    r->acked = event->audio_samples;
    r->acked_us = s->now_us;
}

/* Everything owed for the audio before the point has been delivered. */
static void check_flushed(struct sim *s, uint64_t samples)
{
    struct rules *r = &s->rules;
    HOLD(s, stt_stream_settled(s->session->speech) >= samples || r->refused);
    if (scripted(s) && r->next_word < s->provider.words_len)
        HOLD(s, s->provider.words[r->next_word].middle >= samples);
    for (int kind = KIND_GRAMMAR; kind < KINDS; kind++) {
        uint32_t segment = owed(s, kind);
        HOLD(s, segment == 0 || sim_samples(s, r->start_ms[segment % RECENT] + 1) >= samples);
    }
}

static void on_flushed(struct sim *s, const struct event *event)
{
    struct rules *r = &s->rules;
    HOLD(s, r->flushes_len > 0);
    struct pending_flush flush = r->flushes[0];
    r->flushes_len--;
    memmove(r->flushes, r->flushes + 1, r->flushes_len * sizeof r->flushes[0]);
    TRACE(s, "flushed %s%s", flush.id, event->timeout ? " timeout" : "");
    HOLD(s, strcmp(event->id, flush.id) == 0 && event->audio_samples == flush.samples);
    int64_t due_us = flush.asked_us + (int64_t)s->config.limits.flush_ms * MS;
    HOLD(s, s->now_us <= due_us + LATE_US);
    HOLD(s, !event->timeout || s->now_us >= due_us || s->now_us >= r->end_by_us - LATE_US);
    if (!event->timeout)
        check_flushed(s, flush.samples);
    s->totals->flush_timeouts += event->timeout;
}

static void on_updated(struct sim *s, const struct event *event)
{
    struct rules *r = &s->rules;
    struct setting told = setting_of(0, &event->settings);
    HOLD(s, r->expected_updates-- > 0);
    HOLD(s, told.langs == r->told.langs && told.grammar == r->told.grammar &&
                told.partials == r->told.partials);
}

static void on_health(struct sim *s, const struct event *event, bool down)
{
    static const char *const names[] = {"speech", "translation", "grammar", "partial_translation",
                                        "partial_grammar"};
    int found = -1;
    HOLD(s, event->what_len == 1 && event->reason != NULL);
    for (int i = 0; i < 5; i++)
        if (strcmp(names[i], event->what[0]) == 0)
            found = i;
    HOLD(s, found >= 0 && s->rules.degraded[found] != down);
    s->rules.degraded[found] = down;
    s->totals->degraded += down;
}

/* Why the session may say so, now. */
static void check_cause(struct sim *s, const char *code)
{
    const struct rules *r = &s->rules;
    const struct event_limits *limits = &s->config.limits;
    if (strcmp(code, "idle") == 0)
        HOLD(s, s->now_us - r->input_us >= limits->idle_ms * MS);
    else if (strcmp(code, "session_too_long") == 0)
        HOLD(s, s->now_us - s->began_us >= limits->session_ms * MS);
    else if (strcmp(code, "over_capacity") == 0)
        HOLD(s, s->provider.faults[8] > 0 && r->newest == 0);
    else if (strcmp(code, "upstream_refused") == 0)
        HOLD(s, s->provider.manner.refuses && !r->refused);
    else if (strcmp(code, "audio_too_fast") == 0)
        HOLD(s, !r->too_fast && s->client.speed > 100);
    else if (strcmp(code, "bad_message") == 0)
        HOLD(s, s->client.bad_in_row == BAD_MESSAGES_MAX);
    else
        HOLD(s, !"an error nobody caused");
}

static void on_error(struct sim *s, const struct event *event)
{
    static const char *const codes[] = {"idle",         "session_too_long", "over_capacity",
                                        "bad_message",  "upstream_refused", "audio_too_fast",
                                        "rate_limited", "unknown_type"};
    struct rules *r = &s->rules;
    const struct error_code *known = error_code_find(event->code);
    TRACE(s, "error %s: %s", event->code, event->message);
    HOLD(s, event->fatal == (event->close_code != 0));
    HOLD(s, event->fatal == known->fatal || strcmp(event->code, "bad_message") == 0);
    HOLD(s, strcmp(event->code, "over_capacity") != 0 || event->retry_after_ms > 0);
    for (int i = 0; i < 8; i++)
        s->totals->errors[i] += strcmp(codes[i], event->code) == 0;
    if (r->expected_errors > 0 && !event->fatal && strcmp(event->code, r->expected_code) == 0)
        r->expected_errors--;
    else
        check_cause(s, event->code);
    r->refused = r->refused || strcmp(event->code, "upstream_refused") == 0;
    r->too_fast = r->too_fast || strcmp(event->code, "audio_too_fast") == 0;
}

static void on_ended(struct sim *s, const struct event *event)
{
    struct rules *r = &s->rules;
    const struct event_usage *usage = &event->usage;
    TRACE(s, "ended: %s", event->reason);
    HOLD(s, r->end_us != 0 && s->now_us <= r->end_by_us + LATE_US);
    HOLD(s, event->close_code == (r->goaway ? 1001 : 1000) && r->flushes_len == 0);
    HOLD(s, strcmp(event->reason, r->goaway ? "shutdown" : "client") == 0);
    HOLD(s, usage->audio_ms == session_received(s->session) * 1000 / s->provider.rate);
    HOLD(s, usage->requests == r->asks && usage->tokens_in == r->tokens_in &&
                usage->tokens_out == r->tokens_out && usage->cached == r->cached);
    r->end_told = true;
    s->totals->ended++;
    if (s->now_us < r->end_by_us)
        rules_end(s);
    else
        s->totals->ended_late++;
}

void rules_end(struct sim *s)
{
    const struct rules *r = &s->rules;
    for (int kind = KIND_GRAMMAR; kind < KINDS; kind++)
        HOLD(s, owed(s, kind) == 0);
    if (!r->refused)
        HOLD(s, r->acked == session_received(s->session));
    if (!scripted(s))
        return;
    uint64_t heard = session_received(s->session);
    HOLD(s,
         r->next_word == s->provider.words_len || s->provider.words[r->next_word].middle >= heard);
}

static void on_kind(struct sim *s, const struct event *event)
{
    struct rules *r = &s->rules;
    switch (event->kind) {
    case EVENT_STARTED: {
        struct setting told = setting_of(0, &event->settings);
        HOLD(s, !r->started && told.langs == r->told.langs && event->settings.rate > 0);
        r->started = true;
        break;
    }
    case EVENT_UPDATED: on_updated(s, event); break;
    case EVENT_ACK: on_ack(s, event); break;
    case EVENT_TRANSCRIPT: on_transcript(s, event); break;
    case EVENT_TRANSLATION: on_translation(s, event); break;
    case EVENT_GRAMMAR: on_grammar(s, event); break;
    case EVENT_NOTE: HOLD(s, false); break; /* nobody watches */
    case EVENT_FLUSHED: on_flushed(s, event); break;
    case EVENT_DEGRADED: on_health(s, event, true); break;
    case EVENT_RESTORED: on_health(s, event, false); break;
    case EVENT_GOAWAY: HOLD(s, r->goaway && r->end_us != 0 && event->within_ms > 0); break;
    case EVENT_ENDED: on_ended(s, event); break;
    case EVENT_ERROR: on_error(s, event); break;
    }
}

void rules_event(void *ctx, struct event *event)
{
    struct sim *s = ctx;
    struct rules *r = &s->rules;
    bool durable =
        event->final && (event->kind == EVENT_TRANSCRIPT || event->kind == EVENT_TRANSLATION ||
                         event->kind == EVENT_GRAMMAR);
    s->totals->events++;
    HOLD(s, !r->over && r->started == (event->kind != EVENT_STARTED));
    HOLD(s, event->seq == (durable ? r->seq + 1 : 0));
    r->seq += durable;
    on_kind(s, event);
    r->over = event->close_code != 0;
    event_free(event);
}

void rules_step(struct sim *s)
{
    const struct rules *r = &s->rules;
    const struct stt_stream *speech = s->session->speech;
    HOLD(s, r->over == session_over(s->session));
    HOLD(s, r->expected_errors == 0 && r->expected_updates == 0);
    if (r->over)
        return;
    uint64_t received = stt_stream_received(speech), settled = stt_stream_settled(speech);
    uint64_t elapsed_ms = (uint64_t)(s->now_us - s->began_us) / 1000;
    HOLD(s, received - settled <= sim_samples(s, s->config.ring_ms));
    HOLD(s, received <= sim_samples(s, (int64_t)(AUDIO_BURST_MS + AUDIO_SPEED_MAX * elapsed_ms)) +
                            s->provider.rate);
    HOLD(s, received <= s->client.given / 2);
    HOLD(s, settled == r->acked || session__lanes_owed(s->session) != 0 ||
                s->now_us < r->acked_us + s->config.ack_ms * MS);
    HOLD(s, s->now_us < r->end_by_us);
    for (unsigned i = 0; i < r->flushes_len; i++)
        HOLD(s, s->now_us < r->flushes[i].asked_us + (int64_t)s->config.limits.flush_ms * MS);
    for (int kind = KIND_GRAMMAR; kind < KINDS; kind++) {
        uint32_t segment = owed(s, kind);
        HOLD(s, segment == 0 ||
                    r->final_us[segment % RECENT] + (int64_t)s->config.final_deadline_ms * MS >
                        s->now_us);
    }
}
