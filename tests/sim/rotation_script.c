#include "base/mem.h"
#include "tests/sim/rotation.h"
#include <assert.h>

#define WORD_LEAST_MS 120
#define WORD_MOST_MS  700

static const char *const vocabulary[] = {
    "the",
    "a",
    "to",
    "and",
    "of",
    "in",
    "is",
    "it",
    "you",
    "that",
    "was",
    "for",
    "on",
    "are",
    "with",
    "as",
    "his",
    "they",
    "be",
    "at",
    "have",
    "this",
    "from",
    "by",
    "hot",
    "word",
    "but",
    "what",
    "some",
    "we",
    "can",
    "out",
    "other",
    "were",
    "all",
    "there",
    "when",
    "up",
    "use",
    "your",
    "how",
    "said",
    "an",
    "each",
    "she",
    "which",
    "do",
    "their",
    "time",
    "if",
    "will",
    "way",
    "about",
    "many",
    "then",
    "them",
    "write",
    "would",
    "like",
    "so",
    "these",
    "her",
    "long",
    "make",
    "thing",
    "see",
    "him",
    "look",
    "more",
    "day",
    "could",
    "go",
    "come",
    "did",
    "number",
    "sound",
    "most",
    "people",
    "my",
    "over",
    "know",
    "water",
    "than",
    "call",
    "first",
    "who",
    "may",
    "down",
    "side",
    "been",
    "now",
    "find",
    "any",
    "new",
    "work",
    "part",
    "take",
    "get",
    "place",
    "made",
    "live",
    "where",
    "after",
    "back",
    "little",
    "only",
    "round",
    "year",
    "came",
    "show",
    "every",
    "good",
    "me",
    "give",
    "our",
    "under",
    "name",
    "very",
    "through",
    "just",
    "form",
    "sentence",
    "great",
    "think",
    "say",
    "help",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "understanding",
    "yesterday",
    "beautiful",
    "tomorrow",
    "remember",
    "question",
};

/* Said in one breath up to NULL; a pause stands between the parts of one row. */
static const char *const repeats[][10] = {
    {"very", "very", "good"},
    {"no", NULL, "no"},
    {"no", NULL, "no", NULL, "no"},
    {"ha", "ha", "ha"},
    {"that", "that", "was", "good"},
    {"one", "two", NULL, "one", "two"},
    {"wait", "wait", "wait"},
    {"again", "and", "again", "and", "again"},
    {"bye", NULL, "bye", "bye"},
    {"i", "think", "so", NULL, "i", "think", "so"},
    {"very", NULL, "very", "very", NULL, "good"},
};

static const char *const briefs[] = {"yes", "no", "one", "two", "three", "okay", "right", "ten"};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char *any_word(struct rng *rng)
{
    return vocabulary[rng_below(rng, COUNT(vocabulary))];
}

static void rest(struct script *script, int64_t least_ms, int64_t most_ms)
{
    script->at +=
        (uint64_t)rng_range(script->rng, least_ms * script->rate, most_ms * script->rate) / 1000;
}

static void say(struct script *script, const char *text, int64_t gap_most_ms)
{
    int64_t ms = (90 + 55 * (int64_t)strlen(text)) * rng_range(script->rng, 70, 130) / 100;
    ms = ms < WORD_LEAST_MS ? WORD_LEAST_MS : ms;
    ms = ms > WORD_MOST_MS ? WORD_MOST_MS : ms;
    uint64_t length = (uint64_t)ms * script->rate / 1000;
    if (script->at + length >= script->samples) {
        script->at = script->samples;
        return;
    }
    if (script->len == script->cap) {
        script->cap = script->cap > 0 ? script->cap * 2 : 1024;
        script->words = mem_realloc(script->words, script->cap * sizeof *script->words);
        assert(script->words != NULL);
    }
    script->words[script->len++] = (struct sim_word){.start = script->at,
                                                     .middle = script->at + length / 2,
                                                     .end = script->at + length,
                                                     .text = text};
    script->at += length;
    rest(script, 0, gap_most_ms);
}

static void say_sentence(struct script *script)
{
    for (int64_t n = rng_range(script->rng, 3, 14); n > 0; n--)
        say(script, any_word(script->rng), 100);
    rest(script, 300, 2500);
}

static void say_brief(struct script *script)
{
    for (int64_t n = rng_range(script->rng, 1, 6); n > 0; n--) {
        say(script, briefs[rng_below(script->rng, COUNT(briefs))], 60);
        rest(script, 350, 3000);
    }
}

static void say_repeat(struct script *script)
{
    const char *const *row = repeats[rng_below(script->rng, COUNT(repeats))];
    size_t len = COUNT(repeats[0]);
    while (len > 0 && row[len - 1] == NULL)
        len--;
    for (size_t i = 0; i < len; i++) {
        if (row[i] != NULL)
            say(script, row[i], 80);
        else
            rest(script, 250, 1500);
    }
    if (rng_below(script->rng, 2) == 0)
        rest(script, 300, 2000);
}

static void say_monologue(struct script *script)
{
    uint64_t end = script->at + (uint64_t)rng_range(script->rng, 60, 120) * script->rate;
    while (script->at < end && script->at < script->samples)
        say(script, any_word(script->rng), 80);
    rest(script, 300, 2500);
}

void script_fill(struct script *script, const struct script_talk *talk, uint64_t until)
{
    int all = talk->sentence + talk->brief + talk->repeat + talk->monologue + talk->silence;
    uint64_t samples = script->samples;
    assert(all > 0 && until <= samples);
    script->samples = until;
    while (script->at + script->rate < until) {
        int next = (int)rng_below(script->rng, (uint64_t)all);
        if ((next -= talk->sentence) < 0)
            say_sentence(script);
        else if ((next -= talk->brief) < 0)
            say_brief(script);
        else if ((next -= talk->repeat) < 0)
            say_repeat(script);
        else if ((next -= talk->monologue) < 0)
            say_monologue(script);
        else
            rest(script, 5000, 60000);
    }
    script->at = script->at > until ? script->at : until;
    script->samples = samples;
}

void script_deinit(struct script *script)
{
    mem_free(script->words);
}
