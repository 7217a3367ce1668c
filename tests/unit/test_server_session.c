#include "tests/unit/session_kit.h"

/* A second of speech that the API hears as `text`, final. */
static void say(struct kit *kit, const char *text, int64_t end_ms)
{
    kit_speak(kit, 1000);
    kit_accept(kit);
    kit_hear(kit, text, true, end_ms);
}

static void test_start_is_told(void)
{
    struct kit kit;
    kit_start(&kit);
    CHECK_EQ(kit.events_len, 1);
    const struct event *started = kit_last(&kit, EVENT_STARTED);
    CHECK_STR(started->session, "kit");
    CHECK_EQ(started->epoch, 1);
    CHECK_EQ(started->limits.flush_ms, 5000);
    CHECK_EQ(started->settings.targets_len, 1);
    CHECK_STR(started->settings.targets[0], "es");
    CHECK_EQ(started->seq, 0);
    CHECK_EQ(session_t_ms(kit.session, kit.now_us + 1500000), 1500);
    kit_end(&kit);
}

static void test_sentence(void)
{
    struct kit kit;
    kit_init(&kit);
    kit.settings.grammar = true;
    CHECK_EQ(kit_create(&kit), STATUS_OK);
    say(&kit, "She have two cats", 900);
    const struct event *transcript = kit_last(&kit, EVENT_TRANSCRIPT);
    CHECK(transcript->final);
    CHECK_EQ(transcript->seq, 1);
    CHECK_EQ(transcript->end_ms, 900);
    CHECK_EQ(kit.asks_len, 2);
    kit_answer(&kit, 0, "Tiene dos gatos");
    kit_answer(&kit, 1, "She has two cats");
    const struct event *translation = kit_last(&kit, EVENT_TRANSLATION);
    CHECK_STR(translation->committed, "Tiene dos gatos");
    CHECK_EQ(translation->seq, 2);
    CHECK_EQ(translation->source_rev, transcript->rev);
    CHECK_EQ(translation->end_ms, 900);
    const struct event *grammar = kit_last(&kit, EVENT_GRAMMAR);
    CHECK_EQ(grammar->seq, 3);
    CHECK_EQ(grammar->edits_len, 1);
    CHECK_STR(grammar->edits[0].from, "have");
    CHECK_STR(grammar->edits[0].to, "has");
    kit_end(&kit);
}

static void test_note_is_durable(void)
{
    struct kit kit;
    kit_start(&kit);
    const struct session_note note = {.segment = 1, .text = "an, not a", .by = "Ms Ito"};
    CHECK_EQ(session_note(kit.session, &note, kit.now_us), STATUS_NOT_FOUND);
    say(&kit, "She have two cats", 900);
    CHECK_EQ(session_note(kit.session, &note, kit.now_us), STATUS_OK);
    const struct event *event = kit_last(&kit, EVENT_NOTE);
    CHECK_EQ(event->seq, 2);
    CHECK_EQ(event->segment, 1);
    CHECK_STR(event->note, "an, not a");
    CHECK_STR(event->by, "Ms Ito");
    const struct session_note none[] = {{.segment = 0, .text = ""}, {.segment = 2, .text = ""}};
    CHECK_EQ(session_note(kit.session, &none[0], kit.now_us), STATUS_NOT_FOUND);
    CHECK_EQ(session_note(kit.session, &none[1], kit.now_us), STATUS_NOT_FOUND);
    session_end(kit.session, "client", 1000, kit.now_us);
    kit_answer(&kit, 0, "Tiene dos gatos");
    session_tick(kit.session, kit.now_us + 60 * SECOND);
    CHECK(session_over(kit.session));
    CHECK_EQ(session_note(kit.session, &note, kit.now_us), STATUS_NOT_FOUND);
    kit_end(&kit);
}

static void test_odd_bytes_are_carried_over(void)
{
    struct kit kit;
    uint8_t pcm[3201];
    kit_start(&kit);
    for (size_t i = 0; i < sizeof pcm; i++)
        pcm[i] = (uint8_t)(i * 7 + 1);
    static const size_t cuts[] = {1, 2, 5, 5, 1000, 2187, 1};
    size_t at = 0;
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; at += cuts[i++])
        session_audio(kit.session, pcm + at, cuts[i], kit.now_us);
    CHECK_EQ(at, sizeof pcm);
    CHECK_EQ(session_received(kit.session), 1600);
    kit_pass(&kit, SECOND);
    CHECK_EQ(kit.sent, 1600);
    CHECK(memcmp(kit.heard, pcm, 3200) == 0);
    session_audio(kit.session, pcm, 0, kit.now_us);
    CHECK_EQ(session_received(kit.session), 1600);
    kit_end(&kit);
}

static void test_flush_without_audio_is_answered_at_once(void)
{
    struct kit kit;
    kit_start(&kit);
    kit_flush(&kit, "a");
    CHECK_STR(kit_last(&kit, EVENT_FLUSHED)->id, "a");
    CHECK(!kit_last(&kit, EVENT_FLUSHED)->timeout);
    kit_end(&kit);
}

static void test_flush_waits_for_what_is_owed(void)
{
    struct kit kit;
    kit_start(&kit);
    kit_speak(&kit, 1000);
    kit_accept(&kit);
    kit_flush(&kit, "a");
    CHECK_EQ(kit.finished, 1);
    kit_hear(&kit, "Hello there", true, 1000);
    kit_close(&kit, 0);
    CHECK_EQ(kit_count(&kit, EVENT_FLUSHED), 0);
    kit_answer(&kit, 0, "Hola");
    const struct event *flushed = kit_last(&kit, EVENT_FLUSHED);
    CHECK_EQ(flushed->audio_samples, KIT_RATE);
    CHECK(!flushed->timeout);
    CHECK(kit.events[kit.events_len - 1] == flushed ||
          kit.events[kit.events_len - 1]->kind == EVENT_ACK);
    kit_end(&kit);
}

/* "Nothing more is owed for the audio before it": a translation still to come holds the acknowledgement back. */
static void test_ack_waits_for_what_is_owed(void)
{
    struct kit kit;
    kit_start(&kit);
    kit_speak(&kit, 1000);
    kit_accept(&kit);
    kit_hear(&kit, "Hello there", true, 1000);
    kit_pass(&kit, SECOND);
    int64_t start_ms = kit_last(&kit, EVENT_TRANSCRIPT)->start_ms;
    CHECK(kit_count(&kit, EVENT_ACK) == 0 ||
          kit_last(&kit, EVENT_ACK)->audio_samples <= (uint64_t)start_ms * KIT_RATE / 1000);
    kit_answer(&kit, 0, "Hola");
    kit_pass(&kit, SECOND);
    CHECK_EQ(kit_last(&kit, EVENT_ACK)->audio_samples, KIT_RATE);
    kit_end(&kit);
}

static void test_flushes_are_bounded_and_in_order(void)
{
    struct kit kit;
    char id[2] = "a";
    kit_start(&kit);
    kit_speak(&kit, 1000);
    for (; id[0] < 'f'; id[0]++)
        kit_flush(&kit, id);
    CHECK_STR(kit_last(&kit, EVENT_ERROR)->code, "rate_limited");
    CHECK_EQ(kit_count(&kit, EVENT_ERROR), 1);
    kit_pass(&kit, 5 * SECOND - 1);
    CHECK_EQ(kit_count(&kit, EVENT_FLUSHED), 0);
    kit_pass(&kit, 1);
    CHECK_EQ(kit_count(&kit, EVENT_FLUSHED), 4);
    for (unsigned i = 0; i < 4; i++) {
        const struct event *flushed = kit.events[kit.events_len - 4 + i];
        id[0] = (char)('a' + i);
        CHECK_STR(flushed->id, id);
        CHECK(flushed->timeout);
    }
    kit_end(&kit);
}

/* Audio that came before the refusal may never be taken: the point is not reached, nothing is owed.
 */
static void test_flush_after_refusal_does_not_wait(void)
{
    struct kit kit;
    kit_start(&kit);
    kit_speak(&kit, 500);
    kit_close(&kit, 3);
    struct client_message flush = {.kind = CLIENT_FLUSH, .flush_id = "a"};
    session_message(kit.session, &flush, session_received(kit.session) + 8000, kit.now_us);
    kit_tick(&kit);
    CHECK(!kit_last(&kit, EVENT_FLUSHED)->timeout);
    kit_end(&kit);
}

static void test_update_is_for_the_next_segment(void)
{
    struct kit kit;
    kit_start(&kit);
    kit_speak(&kit, 1000);
    kit_accept(&kit);
    kit_hear(&kit, "one two", false, 900);
    kit_update(&kit,
               (struct client_settings){.has = HAS_TARGETS, .targets = {"fr"}, .targets_len = 1});
    CHECK_STR(kit_last(&kit, EVENT_UPDATED)->settings.targets[0], "fr");
    unsigned before = kit.asks_len;
    kit_hear(&kit, "one two", true, 1000);
    CHECK_EQ(kit.asks_len, before + 1);
    CHECK_STR(kit.asks[before].target, "es");
    say(&kit, "three four", 1900);
    CHECK_STR(kit.asks[before + 1].target, "fr");
    kit_answer(&kit, before, "uno dos");
    CHECK_STR(kit_last(&kit, EVENT_TRANSLATION)->language, "es");
    kit_answer(&kit, before + 1, "trois quatre");
    CHECK_STR(kit_last(&kit, EVENT_TRANSLATION)->language, "fr");
    CHECK_EQ(kit.asks_len, before + 2);
    kit_end(&kit);
}

/* Words that were shown and taken back go on under the same number: for those who saw them it is
 * not the next segment. */
static void test_update_spares_a_segment_taken_back(void)
{
    struct kit kit;
    kit_start(&kit);
    kit_speak(&kit, 1000);
    kit_accept(&kit);
    kit_hear(&kit, "one", false, 500);
    kit_hear(&kit, "", false, 600);
    CHECK_STR(kit_last(&kit, EVENT_TRANSCRIPT)->tentative, "");
    kit_update(&kit,
               (struct client_settings){.has = HAS_TARGETS, .targets = {"fr"}, .targets_len = 1});
    kit_hear(&kit, "two words", true, 1000);
    CHECK_EQ(kit_last(&kit, EVENT_TRANSCRIPT)->segment, 1);
    CHECK_STR(kit.asks[kit.asks_len - 1].target, "es");
    kit_end(&kit);
}

static void test_target_that_comes_back_keeps_order(void)
{
    struct kit kit;
    kit_start(&kit);
    say(&kit, "one two", 900);
    kit_update(&kit, (struct client_settings){.has = HAS_TARGETS});
    kit_update(&kit,
               (struct client_settings){.has = HAS_TARGETS, .targets = {"es"}, .targets_len = 1});
    say(&kit, "three four", 1900);
    CHECK_EQ(kit.asks_len, 2);
    kit_answer(&kit, 1, "tres cuatro");
    CHECK_EQ(kit_count(&kit, EVENT_TRANSLATION), 0);
    kit_answer(&kit, 0, "uno dos");
    CHECK_EQ(kit_count(&kit, EVENT_TRANSLATION), 2);
    CHECK_EQ(kit_last(&kit, EVENT_TRANSLATION)->segment, 2);
    kit_end(&kit);
}

/* Targets may change faster than finals come; the lane that makes room says what it owes. */
static void test_lane_without_room_fails_what_it_owes(void)
{
    static const char *const langs[] = {"es", "de", "fr", "it", "pt", "nl", "pl", "sv", "da",
                                        "fi", "cs", "ro", "hu", "el", "tr", "uk", "bg"};
    struct kit kit;
    kit_init(&kit);
    kit.settings.targets_len = 0;
    CHECK_EQ(kit_create(&kit), STATUS_OK);
    for (int i = 0; i < 17; i++) {
        kit_update(&kit, (struct client_settings){
                             .has = HAS_TARGETS, .targets = {langs[i]}, .targets_len = 1});
        kit_speak(&kit, 100);
        kit_accept(&kit);
        kit_hear(&kit, "two words", true, 100 + 100 * i);
    }
    CHECK_EQ(kit.asks_len, 17);
    CHECK_EQ(kit_count(&kit, EVENT_TRANSLATION), 1);
    const struct event *failed = kit_last(&kit, EVENT_TRANSLATION);
    CHECK_STR(failed->language, "es");
    CHECK_STR(failed->failed, "budget");
    CHECK(failed->final && kit.asks[0].cancelled && !kit.asks[1].cancelled);
    kit_end(&kit);
}

static void test_partials_stay_off_for_older_segments(void)
{
    struct kit kit;
    kit_init(&kit);
    kit.settings.partials = false;
    CHECK_EQ(kit_create(&kit), STATUS_OK);
    say(&kit, "one two three", 900);
    kit_update(&kit, (struct client_settings){.has = HAS_PARTIALS, .partials = true});
    struct session_answer piece = {.lane = kit.asks[0].lane,
                                   .ask = kit.asks[0].ask,
                                   .text = "uno dos ",
                                   .lat = kit.asks[0].lat};
    session_answer(kit.session, &piece, kit.now_us);
    CHECK_EQ(kit_count(&kit, EVENT_TRANSLATION), 0);
    kit_answer(&kit, 0, "uno dos tres");
    CHECK_EQ(kit_count(&kit, EVENT_TRANSLATION), 1);
    kit_end(&kit);
}

static void test_update_refuses_the_source_as_target(void)
{
    struct kit kit;
    kit_start(&kit);
    kit_update(
        &kit, (struct client_settings){.has = HAS_TARGETS, .targets = {"EN-us"}, .targets_len = 1});
    CHECK_STR(kit_last(&kit, EVENT_ERROR)->code, "bad_message");
    CHECK_EQ(kit_count(&kit, EVENT_UPDATED), 0);
    kit_end(&kit);
}

static void test_stability_and_vocabulary_reach_the_stream(void)
{
    static const char *words[] = {"Zwischenruf"}, *more[] = {"Obermayer"};
    struct kit kit;
    kit_init(&kit);
    kit.settings.stability = STABILITY_LOW;
    kit.settings.vocabulary = words;
    kit.settings.vocabulary_len = 1;
    CHECK_EQ(kit_create(&kit), STATUS_OK);
    kit_speak(&kit, 1000);
    kit_accept(&kit);
    CHECK(memmem(kit.opened, kit.opened_len, words[0], strlen(words[0])) != NULL);
    kit_hear(&kit, "one two", false, 900);
    CHECK_STR(kit_last(&kit, EVENT_TRANSCRIPT)->committed, "one two");
    kit_hear(&kit, "one two", true, 1000);
    kit_update(&kit, (struct client_settings){.has = HAS_STABILITY | HAS_VOCABULARY,
                                              .stability = STABILITY_MEDIUM,
                                              .vocabulary = more,
                                              .vocabulary_len = 1});
    kit_speak(&kit, 500);
    kit_close(&kit, 11);
    kit_speak(&kit, 500);
    CHECK(memmem(kit.opened, kit.opened_len, more[0], strlen(more[0])) != NULL);
    kit_accept(&kit);
    kit_hear(&kit, "three four", false, 900);
    CHECK_STR(kit_last(&kit, EVENT_TRANSCRIPT)->committed, "");
    CHECK_STR(kit_last(&kit, EVENT_TRANSCRIPT)->tentative, "three four");
    kit_end(&kit);
}

static void wait_for_room(struct kit *kit, int ms)
{
    for (; ms > 0; ms -= 20) {
        session_waiting(kit->session, true, kit->now_us);
        kit_pass(kit, SECOND / 50);
    }
}

static void test_too_fast_is_said_once(void)
{
    struct kit kit;
    uint8_t *pcm = mem_calloc(1, KIT_RATE * 2);
    kit_start(&kit);
    CHECK_EQ(session_room(kit.session, kit.now_us), AUDIO_BURST_MS / 1000 * KIT_RATE * 2);
    for (int i = 0; i < 10; i++)
        session_audio(kit.session, pcm, KIT_RATE * 2, kit.now_us);
    CHECK_EQ(session_room(kit.session, kit.now_us), 0);
    wait_for_room(&kit, 4980);
    CHECK_EQ(kit_count(&kit, EVENT_ERROR), 0);
    wait_for_room(&kit, 1000);
    CHECK_STR(kit_last(&kit, EVENT_ERROR)->code, "audio_too_fast");
    CHECK(!kit_last(&kit, EVENT_ERROR)->fatal);
    wait_for_room(&kit, 2000);
    CHECK_EQ(kit_count(&kit, EVENT_ERROR), 1);
    mem_free(pcm);
    kit_end(&kit);
}

static void test_idle(void)
{
    struct kit kit;
    kit_start(&kit);
    kit_pass(&kit, 20 * SECOND);
    kit_message(&kit, (struct client_message){.kind = CLIENT_ACTIVITY});
    kit_pass(&kit, 30 * SECOND - 1);
    CHECK(!session_over(kit.session));
    kit_pass(&kit, 1);
    CHECK_STR(kit_last(&kit, EVENT_ERROR)->code, "idle");
    CHECK_EQ(kit_last(&kit, EVENT_ERROR)->close_code, 1008);
    CHECK(session_over(kit.session));
    kit_end(&kit);
}

static void test_not_idle_while_audio_waits(void)
{
    struct kit kit;
    kit_start(&kit);
    wait_for_room(&kit, 60000);
    CHECK(!session_over(kit.session));
    session_waiting(kit.session, false, kit.now_us);
    kit_pass(&kit, 30 * SECOND);
    CHECK(session_over(kit.session));
    kit_end(&kit);
}

static void test_session_too_long(void)
{
    struct kit kit;
    kit_start(&kit);
    for (int i = 0; i < 599; i++) {
        kit_pass(&kit, SECOND);
        kit_message(&kit, (struct client_message){.kind = CLIENT_ACTIVITY});
    }
    CHECK(!session_over(kit.session));
    kit_pass(&kit, SECOND);
    CHECK_STR(kit_last(&kit, EVENT_ERROR)->code, "session_too_long");
    kit_end(&kit);
}

static void test_over_capacity_before_anything_was_heard(void)
{
    struct kit kit;
    kit_start(&kit);
    kit_speak(&kit, 500);
    kit_close(&kit, 8);
    const struct event *error = kit_last(&kit, EVENT_ERROR);
    CHECK_STR(error->code, "over_capacity");
    CHECK_EQ(error->close_code, 1013);
    CHECK(error->retry_after_ms >= 1000);
    CHECK(session_over(kit.session));
    unsigned before = kit.events_len;
    kit_speak(&kit, 500);
    kit_message(&kit, (struct client_message){.kind = CLIENT_END});
    CHECK_EQ(kit.events_len, before);
    kit_end(&kit);
}

static void test_quota_later_is_an_outage(void)
{
    struct kit kit;
    kit_start(&kit);
    say(&kit, "one two", 500);
    kit_close(&kit, 8);
    CHECK_STR(kit_last(&kit, EVENT_DEGRADED)->what[0], "speech");
    CHECK(!session_over(kit.session));
    kit_pass(&kit, 2 * SECOND);
    CHECK_EQ(kit.calls, 2);
    kit_accept(&kit);
    kit_hear(&kit, "three four", true, 400);
    CHECK_STR(kit_last(&kit, EVENT_RESTORED)->what[0], "speech");
    kit_end(&kit);
}

static void test_upstream_refused(void)
{
    struct kit kit;
    kit_start(&kit);
    kit_speak(&kit, 500);
    kit_close(&kit, 3);
    CHECK_STR(kit_last(&kit, EVENT_ERROR)->code, "upstream_refused");
    CHECK(!session_over(kit.session));
    CHECK_EQ(session_room(kit.session, kit.now_us), SIZE_MAX);
    kit_speak(&kit, 500);
    kit_message(&kit, (struct client_message){.kind = CLIENT_END});
    CHECK_EQ(kit_last(&kit, EVENT_ENDED)->close_code, 1000);
    kit_end(&kit);
}

static void test_end_delivers_what_is_owed(void)
{
    struct kit kit;
    kit_start(&kit);
    kit_speak(&kit, 1000);
    kit_accept(&kit);
    kit_message(&kit, (struct client_message){.kind = CLIENT_END});
    kit_hear(&kit, "Hello there", true, 1000);
    kit_close(&kit, 0);
    CHECK_EQ(kit_count(&kit, EVENT_ENDED), 0);
    kit_answer(&kit, 0, "Hola");
    const struct event *ended = kit.events[kit.events_len - 1];
    CHECK_EQ(ended->kind, EVENT_ENDED);
    CHECK_STR(ended->reason, "client");
    CHECK_EQ(ended->usage.audio_ms, 1000);
    CHECK_EQ(ended->usage.requests, 1);
    CHECK_EQ(kit_last(&kit, EVENT_ACK)->audio_samples, KIT_RATE);
    CHECK(session_over(kit.session));
    kit_end(&kit);
}

static void test_end_waits_no_longer_than_it_may(void)
{
    struct kit kit;
    kit_start(&kit);
    kit_speak(&kit, 1000);
    kit_flush(&kit, "a");
    kit_message(&kit, (struct client_message){.kind = CLIENT_END});
    kit_pass(&kit, 4 * SECOND - 1);
    CHECK_EQ(kit_count(&kit, EVENT_ENDED), 0);
    kit_pass(&kit, 1);
    CHECK(kit_last(&kit, EVENT_FLUSHED)->timeout);
    CHECK_EQ(kit.events[kit.events_len - 1]->kind, EVENT_ENDED);
    kit_end(&kit);
}

static void test_goaway(void)
{
    struct kit kit;
    kit_start(&kit);
    kit_speak(&kit, 1000);
    session_shutdown(kit.session, 2000, kit.now_us);
    kit_tick(&kit);
    CHECK_EQ(kit_last(&kit, EVENT_GOAWAY)->within_ms, 2000);
    kit_pass(&kit, 2 * SECOND - 1);
    CHECK_EQ(kit_count(&kit, EVENT_ENDED), 0);
    kit_pass(&kit, 1);
    CHECK_STR(kit_last(&kit, EVENT_ENDED)->reason, "shutdown");
    CHECK_EQ(kit_last(&kit, EVENT_ENDED)->close_code, 1001);
    session_shutdown(kit.session, 2000, kit.now_us);
    CHECK_EQ(kit_count(&kit, EVENT_GOAWAY), 1);
    kit_end(&kit);
}

static void test_ten_bad_messages_in_a_row_are_fatal(void)
{
    struct kit kit;
    struct client_message bad = {.kind = CLIENT_BAD, .code = "bad_message", .problem = "no"};
    kit_start(&kit);
    for (int i = 0; i < 9; i++)
        kit_message(&kit, bad);
    kit_message(&kit, (struct client_message){.kind = CLIENT_ACTIVITY});
    for (int i = 0; i < 9; i++)
        kit_message(&kit, bad);
    CHECK(!session_over(kit.session));
    kit_message(&kit, bad);
    CHECK_EQ(kit_last(&kit, EVENT_ERROR)->close_code, 1008);
    CHECK(session_over(kit.session));
    kit_end(&kit);
}

/* The socket may take a while to close: a session that is over asks nobody for anything. */
static void test_nothing_is_asked_once_it_is_over(void)
{
    struct kit kit;
    kit_start(&kit);
    kit_speak(&kit, 1000);
    kit_accept(&kit);
    kit_pass(&kit, 30 * SECOND);
    CHECK(session_over(kit.session));
    kit_hear(&kit, "one two", true, 900);
    CHECK_EQ(kit.asks_len, 0);
    kit_end(&kit);
}

static void test_second_start_is_refused(void)
{
    struct kit kit;
    kit_start(&kit);
    kit_message(&kit, (struct client_message){.kind = CLIENT_START});
    CHECK_STR(kit_last(&kit, EVENT_ERROR)->code, "bad_message");
    CHECK(!session_over(kit.session));
    kit_end(&kit);
}

int main(void)
{
    RUN(test_start_is_told);
    RUN(test_sentence);
    RUN(test_note_is_durable);
    RUN(test_odd_bytes_are_carried_over);
    RUN(test_flush_without_audio_is_answered_at_once);
    RUN(test_flush_waits_for_what_is_owed);
    RUN(test_ack_waits_for_what_is_owed);
    RUN(test_flushes_are_bounded_and_in_order);
    RUN(test_flush_after_refusal_does_not_wait);
    RUN(test_update_is_for_the_next_segment);
    RUN(test_update_spares_a_segment_taken_back);
    RUN(test_target_that_comes_back_keeps_order);
    RUN(test_lane_without_room_fails_what_it_owes);
    RUN(test_partials_stay_off_for_older_segments);
    RUN(test_update_refuses_the_source_as_target);
    RUN(test_stability_and_vocabulary_reach_the_stream);
    RUN(test_too_fast_is_said_once);
    RUN(test_idle);
    RUN(test_not_idle_while_audio_waits);
    RUN(test_session_too_long);
    RUN(test_over_capacity_before_anything_was_heard);
    RUN(test_quota_later_is_an_outage);
    RUN(test_upstream_refused);
    RUN(test_end_delivers_what_is_owed);
    RUN(test_end_waits_no_longer_than_it_may);
    RUN(test_goaway);
    RUN(test_ten_bad_messages_in_a_row_are_fatal);
    RUN(test_nothing_is_asked_once_it_is_over);
    RUN(test_second_start_is_refused);
    return check_done();
}
