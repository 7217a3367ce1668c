#include "base/mem.h"
#include "base/status.h"
#include "bench/script.h"
#include "bench/sim_answer.h"
#include "bench/sim_waver.h"
#include "tests/check.h"

/* The answer to `said`; mem_free(). */
static char *answered(const char *said, double share)
{
    struct local_chat_question question = {
        .kind = LOCAL_CHAT_TRANSLATE, .source = "en", .target = "es", .model = "m"};
    struct sim_answer answer;
    question.text = mem_strdup(said);
    CHECK_EQ(sim_answer_init(&answer, &question, 1, 1), STATUS_OK);
    CHECK_EQ(sim_answer_waver(&answer, share), STATUS_OK);
    char *text = mem_strdup(answer.text);
    sim_answer_deinit(&answer);
    return text;
}

static void test_only_the_end_of_a_cut_text_wavers(void)
{
    static const char said[] = "we always read seven new book";
    char *sure = answered(said, 0), *wavers = answered(said, 1), *again = answered(said, 1);
    CHECK_STR(sure, "nosotros siempre leer siete nuevo libro");
    CHECK(strncmp(wavers, "nosotros siempre leer ", 22) == 0);
    CHECK(strcmp(wavers, sure) != 0);
    CHECK_STR(again, wavers);
    mem_free(sure);
    mem_free(wavers);
    mem_free(again);
}

static void test_a_sentence_is_sure(void)
{
    char *sure = answered("we always go.", 0), *whole = answered("we always go.", 1);
    CHECK_STR(whole, sure);
    mem_free(sure);
    mem_free(whole);
}

int main(void)
{
    RUN(test_only_the_end_of_a_cut_text_wavers);
    RUN(test_a_sentence_is_sure);
    return check_done();
}
