#include "tests/unit/session_kit.h"

static void say(struct kit *kit, const char *text, int64_t end_ms)
{
    kit_speak(kit, 400);
    kit_accept(kit);
    kit_hear(kit, text, true, end_ms);
}

static struct glossary_entry cat_es[] = {{"cat", "gato", "es"}, {"dog", "Hund", "de"}};
static struct glossary_entry cat_mx[] = {{"cat", "minino", ""}};
static const char *words[] = {"photosynthesis"};

/* Each language gets its own entries, and only those the text has. */
static void test_entries_go_to_their_language(void)
{
    struct kit kit;
    kit_init(&kit);
    kit.settings.targets[1] = "de-AT";
    kit.settings.targets_len = 2;
    kit.settings.glossary = cat_es;
    kit.settings.glossary_len = 2;
    kit.settings.vocabulary = words;
    kit.settings.vocabulary_len = 1;
    CHECK_EQ(kit_create(&kit), STATUS_OK);
    say(&kit, "a cat and a dog", 400);
    CHECK_EQ(kit.asks_len, 2);
    CHECK_STR(kit.asks[0].terms, "\nUse: cat = gato");
    CHECK_STR(kit.asks[1].terms, "\nUse: dog = Hund");
    say(&kit, "photosynthesis is hard", 800);
    CHECK_STR(kit.asks[2].terms, "\nTerms of the lesson: photosynthesis");
    say(&kit, "nothing of it", 1200);
    CHECK_STR(kit.asks[5].terms, "");
    kit_end(&kit);
}

/* What is asked again about a segment from before is asked with the glossary of then. */
static void test_a_glossary_holds_from_the_next_segment(void)
{
    struct kit kit;
    kit_init(&kit);
    kit.settings.glossary = cat_es;
    kit.settings.glossary_len = 2;
    CHECK_EQ(kit_create(&kit), STATUS_OK);
    say(&kit, "the cat", 400);
    kit_update(&kit, (struct client_settings){
                         .has = HAS_GLOSSARY, .glossary = cat_mx, .glossary_len = 1});
    struct session_answer failed = {.lane = kit.asks[0].lane,
                                    .ask = kit.asks[0].ask,
                                    .done = true,
                                    .status = STATUS_FILTERED,
                                    .lat = kit.asks[0].lat};
    session_answer(kit.session, &failed, kit.now_us);
    kit_tick(&kit);
    say(&kit, "my cat", 800);
    CHECK_EQ(kit.asks_len, 3);
    CHECK_STR(kit.asks[0].terms, "\nUse: cat = gato");
    CHECK_STR(kit.asks[1].terms, "\nUse: cat = gato");
    CHECK_STR(kit.asks[2].terms, "\nUse: cat = minino");
    kit_update(&kit, (struct client_settings){.has = HAS_GLOSSARY});
    say(&kit, "his cat", 1200);
    CHECK_STR(kit.asks[3].terms, "");
    kit_end(&kit);
}

/* A language that is added knows the glossary at once. */
static void test_added_targets_know_the_glossary(void)
{
    struct kit kit;
    kit_init(&kit);
    kit.settings.glossary = cat_es;
    kit.settings.glossary_len = 2;
    CHECK_EQ(kit_create(&kit), STATUS_OK);
    say(&kit, "the cat", 400);
    kit_update(&kit, (struct client_settings){
                         .has = HAS_TARGETS, .targets = {"de"}, .targets_len = 1});
    say(&kit, "the dog", 800);
    CHECK_EQ(kit.asks_len, 2);
    CHECK_STR(kit.asks[1].target, "de");
    CHECK_STR(kit.asks[1].terms, "\nUse: dog = Hund");
    kit_end(&kit);
}

/* What answers cost is added up, and told when prices are known. */
/* An API that follows no instructions cannot use a glossary: the client is told that none is in
 * force, and the vocabulary, which is the recogniser's too, stays. */
static void test_no_glossary_where_it_reaches_nobody(void)
{
    struct kit kit;
    kit_init(&kit);
    kit.config.translate_whole = true;
    kit.settings.glossary = cat_es;
    kit.settings.glossary_len = 2;
    kit.settings.vocabulary = words;
    kit.settings.vocabulary_len = 1;
    CHECK_EQ(kit_create(&kit), STATUS_OK);
    CHECK_EQ(kit_last(&kit, EVENT_STARTED)->settings.glossary_len, 0);
    CHECK_EQ(kit_last(&kit, EVENT_STARTED)->settings.vocabulary_len, 1);
    kit_update(&kit, (struct client_settings){
                         .has = HAS_GLOSSARY, .glossary = cat_mx, .glossary_len = 1});
    CHECK_EQ(kit_last(&kit, EVENT_UPDATED)->settings.glossary_len, 0);
    say(&kit, "a cat", 400);
    CHECK_STR(kit.asks[0].terms, "");
    kit_end(&kit);
}

static void test_costs_are_told(void)
{
    struct kit kit;
    kit_init(&kit);
    kit.config.currency = "EUR";
    CHECK_EQ(kit_create(&kit), STATUS_OK);
    say(&kit, "the cat", 400);
    struct session_answer answer = {.lane = kit.asks[0].lane,
                                    .ask = kit.asks[0].ask,
                                    .done = true,
                                    .text = "el gato",
                                    .tokens_in = 50,
                                    .tokens_out = 4,
                                    .cost_nanos = 9900,
                                    .lat = kit.asks[0].lat};
    session_answer(kit.session, &answer, kit.now_us);
    session_end(kit.session, "client", 1000, kit.now_us);
    kit_pass(&kit, 10 * SECOND);
    const struct event *ended = kit_last(&kit, EVENT_ENDED);
    CHECK_EQ(ended->usage.cost_nanos, 9900);
    CHECK_EQ(ended->usage.tokens_in, 50);
    CHECK_STR(ended->usage.currency, "EUR");
    kit_end(&kit);
}

int main(void)
{
    RUN(test_entries_go_to_their_language);
    RUN(test_a_glossary_holds_from_the_next_segment);
    RUN(test_added_targets_know_the_glossary);
    RUN(test_no_glossary_where_it_reaches_nobody);
    RUN(test_costs_are_told);
    return check_done();
}
