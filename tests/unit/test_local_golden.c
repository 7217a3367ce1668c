/* How good the embedded corrector is: precision and recall over tests/grammar/golden.tsv, overall
 * and for each kind of mistake, by way of the server's own reading of its answers. The bounds are
 * a little under what it reaches.
 *
 *   test_local_golden           the figures, and what went wrong with sentences to tune with
 *   test_local_golden FILE      the same of other sentences
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "grammar/grammar.h"
#include "local/grammar.h"
#include "tests/check.h"
#include "tests/unit/grammar_kit.h"
#include <ctype.h>
#include <strings.h>

#define LINE_BYTES 1024
#define FIELDS_MAX 12
#define KINDS_MAX  16

/* Percent; the figures that these bounds are for are printed above them. */
#define RECALL_MIN         90
#define RECALL_HELD_MIN    62
#define PRECISION_MIN      95
#define PRECISION_HELD_MIN 87
#define KIND_MIN           90 /* mended and told by its kind's name */
/* Of the poorest kind of mistake; of right sentences touched. */
#define RECALL_OF_KIND_MIN      80
#define RECALL_OF_KIND_HELD_MIN 45
#define FALSE_ALARMS_MAX        1
#define FALSE_ALARMS_HELD_MAX   3

struct row {
    bool held;
    const char *kind, *said;
    char *meant[FIELDS_MAX]; /* good versions; none for a right sentence */
    size_t meant_len;
};

struct score {
    char kind[24];
    unsigned planted, touched, mended, named; /* named: mended and told by its kind's name */
};

struct scores {
    struct score kinds[KINDS_MAX];
    size_t len;
    unsigned right, false_alarms;
    unsigned versions, spoilt; /* good versions of the wrong sentences, and those touched */
};

static const char *golden_path = GOLDEN_FILE;
static struct local_grammar *corrector;
static struct scores all[2]; /* to tune with, held out */

static struct score *score_of(struct scores *scores, const char *kind)
{
    for (size_t i = 0; i < scores->len; i++) {
        if (strcmp(scores->kinds[i].kind, kind) == 0)
            return &scores->kinds[i];
    }
    if (scores->len == KINDS_MAX)
        abort();
    struct score *score = &scores->kinds[scores->len++];
    snprintf(score->kind, sizeof score->kind, "%s", kind);
    return score;
}

/* The answer as the server would read and show it. */
static void answer(const char *said, const char *explain_in, struct grammar_result *out)
{
    struct buf json;
    struct grammar_prompt prompt = {.model = "local", .language = "en-US", .text = said};
    struct local_grammar_question question = {
        .language = prompt.language, .explain_in = explain_in, .text = said};
    buf_init(&json, 1 << 20);
    int status = local_grammar_check(corrector, &question, &json);
    CHECK_EQ(status, 0);
    status = grammar_answer_read(&prompt, json.data, json.len, out);
    CHECK_EQ(status, 0);
    if (status != 0) {
        fprintf(stderr, "  refused: %s -> %s\n", said, json.data);
        *out = (struct grammar_result){.corrected = mem_strdup("")};
    }
    buf_deinit(&json);
}

static bool is_named(const struct grammar_result *result, const char *kind)
{
    static const char *const others[] = {"pronoun", "missing", "extra", "word_choice"};
    bool other = false;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        other = other || strcmp(kind, others[i]) == 0;
    for (size_t i = 0; i < result->edits_len; i++) {
        if (strcmp(grammar_kind_name(result->edits[i].kind), other ? "other" : kind) == 0)
            return true;
    }
    return false;
}

static bool is_meant(const struct row *row, const char *corrected)
{
    for (size_t i = 0; i < row->meant_len; i++) {
        if (strcasecmp(row->meant[i], corrected) == 0)
            return true;
    }
    return false;
}

/* Spans quote the sentence, every edit changes and explains something. */
static void check_edits(const struct row *row, const struct grammar_result *result)
{
    CHECK(edits_apply(row->said, result));
    for (size_t i = 0; i < result->edits_len; i++) {
        CHECK(result->edits[i].message[0] != '\0');
        if (result->edits[i].message[0] == '\0')
            fprintf(stderr, "  without a reason: %s\n", row->said);
    }
}

/* In Spanish the same is done, and told in Spanish. */
static void check_spanish(const struct row *row, const struct grammar_result *english)
{
    struct grammar_result result;
    answer(row->said, "es-ES", &result);
    CHECK_STR(result.corrected, english->corrected);
    CHECK_EQ(result.edits_len, english->edits_len);
    for (size_t i = 0; i < result.edits_len && i < english->edits_len; i++) {
        if (strcmp(result.edits[i].message, english->edits[i].message) == 0)
            fprintf(stderr, "  not in Spanish: %s\n", result.edits[i].message);
        CHECK(strcmp(result.edits[i].message, english->edits[i].message) != 0);
    }
    grammar_result_free(&result);
}

static void judge(const struct row *row)
{
    struct grammar_result result;
    struct scores *scores = &all[row->held];
    answer(row->said, NULL, &result);
    check_edits(row, &result);
    if (result.edits_len > 0)
        check_spanish(row, &result);
    bool touched = result.edits_len > 0, mended = is_meant(row, result.corrected);
    bool fine = row->meant_len == 0 ? !touched : mended;
    if (row->meant_len == 0) {
        scores->right++;
        scores->false_alarms += touched;
    } else {
        struct score *score = score_of(scores, row->kind);
        score->planted++;
        score->touched += touched;
        score->mended += mended;
        score->named += mended && is_named(&result, row->kind);
    }
    if (!fine && !row->held)
        fprintf(stderr, "  %-11s %s\n     %s %s\n", row->kind, row->said, touched ? "->" : "--",
                touched ? result.corrected : "");
    grammar_result_free(&result);
}

/* What a mistake's correction reads is right, too. */
static void judge_version(const struct row *row)
{
    struct grammar_result result;
    struct scores *scores = &all[row->held];
    answer(row->meant[0], NULL, &result);
    scores->versions++;
    scores->spoilt += result.edits_len > 0;
    if (result.edits_len > 0 && !row->held)
        fprintf(stderr, "  version     %s\n     -> %s\n", row->meant[0], result.corrected);
    grammar_result_free(&result);
}

static bool row_read(char *line, struct row *out)
{
    char *fields[FIELDS_MAX], *rest = line;
    size_t len = 0;
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '#' || line[0] == '\0')
        return false;
    while (len < FIELDS_MAX && rest != NULL)
        fields[len++] = strsep(&rest, "\t");
    CHECK(len >= 3);
    if (len < 3)
        return false;
    *out = (struct row){.held = strcmp(fields[0], "held") == 0,
                        .kind = fields[1],
                        .said = fields[2],
                        .meant_len = len - 3};
    memcpy(out->meant, fields + 3, (len - 3) * sizeof fields[0]);
    CHECK((strcmp(out->kind, "right") == 0) == (out->meant_len == 0));
    return true;
}

static unsigned share(unsigned part, unsigned whole)
{
    return whole > 0 ? 100 * part / whole : 100;
}

static struct score total(const struct scores *scores)
{
    struct score sum = {.kind = "all", .touched = scores->false_alarms};
    for (size_t i = 0; i < scores->len; i++) {
        sum.planted += scores->kinds[i].planted;
        sum.touched += scores->kinds[i].touched;
        sum.mended += scores->kinds[i].mended;
        sum.named += scores->kinds[i].named;
    }
    return sum;
}

static void print(const char *title, const struct scores *scores)
{
    struct score sum = total(scores);
    fprintf(stderr, "%-12s %8s %7s %7s %7s %10s %6s\n", title, "planted", "touched", "mended",
            "recall%", "precision%", "kind%");
    for (size_t i = 0; i <= scores->len; i++) {
        const struct score *s = i < scores->len ? &scores->kinds[i] : &sum;
        fprintf(stderr, "%-12s %8u %7u %7u %7u %10u %6u\n", s->kind, s->planted, s->touched,
                s->mended, share(s->mended, s->planted), share(s->mended, s->touched),
                share(s->named, s->mended));
    }
    fprintf(stderr, "right sentences %u, of them touched %u; good versions %u, touched %u\n",
            scores->right, scores->false_alarms, scores->versions, scores->spoilt);
}

static void test_golden(void)
{
    char line[LINE_BYTES];
    unsigned rows = 0;
    FILE *file = fopen(golden_path, "r");
    CHECK(file != NULL);
    if (file == NULL)
        return;
    int64_t begin_us = clock_mono_us();
    while (fgets(line, sizeof line, file) != NULL) {
        struct row row;
        if (!row_read(line, &row))
            continue;
        judge(&row);
        if (row.meant_len > 0)
            judge_version(&row);
        rows++;
    }
    fclose(file);
    fprintf(stderr, "%u sentences, %lld us each\n", rows,
            (long long)(clock_mono_us() - begin_us) / (rows > 0 ? rows : 1));
    print("to tune with", &all[0]);
    print("held out", &all[1]);
}

static void check_each_kind(const struct scores *scores, unsigned recall_min)
{
    for (size_t i = 0; i < scores->len; i++) {
        const struct score *s = &scores->kinds[i];
        CHECK(share(s->mended, s->planted) >= recall_min);
    }
}

static void test_bounds(void)
{
    struct score tuned = total(&all[0]), held = total(&all[1]);
    CHECK(tuned.planted + held.planted >= 150);
    CHECK(all[0].right + all[1].right >= 100);
    CHECK(share(tuned.mended, tuned.planted) >= RECALL_MIN);
    CHECK(share(held.mended, held.planted) >= RECALL_HELD_MIN);
    CHECK(share(tuned.mended, tuned.touched) >= PRECISION_MIN);
    CHECK(share(held.mended, held.touched) >= PRECISION_HELD_MIN);
    check_each_kind(&all[0], RECALL_OF_KIND_MIN);
    check_each_kind(&all[1], RECALL_OF_KIND_HELD_MIN);
    CHECK(share(all[0].false_alarms, all[0].right) <= FALSE_ALARMS_MAX);
    CHECK(share(all[1].false_alarms, all[1].right) <= FALSE_ALARMS_HELD_MAX);
    CHECK(share(tuned.named + held.named, tuned.mended + held.mended) >= KIND_MIN);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        golden_path = argv[1];
    int status = local_grammar_create(&corrector);
    if (status == STATUS_UNAVAILABLE) {
        fprintf(stderr, "no dictionary here, skipped\n");
        return EXIT_SUCCESS;
    }
    CHECK_EQ(status, 0);
    RUN(test_golden);
    if (argc == 1)
        RUN(test_bounds);
    local_grammar_destroy(corrector);
    return check_done();
}
