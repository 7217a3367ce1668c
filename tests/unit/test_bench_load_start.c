/* session.start of each client: who it says it is, and where it goes on. */
#include "bench/load_start.h"

#include "base/status.h"
#include "bench/load_name.h"
#include "tests/check.h"
#include <jansson.h>

static const char *const targets[] = {"es", NULL};
static struct load_config config;
static struct load_field field;
static struct load_client client;

static void begin(unsigned classes)
{
    config = (struct load_config){.voice = {.seed = 7, .rate = 24000},
                                  .source = "en",
                                  .targets = targets,
                                  .classes = classes,
                                  .greed = 4};
    field = (struct load_field){.config = &config};
    client = (struct load_client){.role = LOAD_SPEAKER};
    CHECK_EQ(load_start_init(&field), STATUS_OK);
}

static json_t *message(uint32_t number)
{
    char text[LOAD_START_BYTES];
    size_t len = load_start_message(&field, &client, number, text);
    CHECK(len <= load_start_bytes_max(&field));
    return json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Every name there is comes as JSON and in UTF-8, which jansson checks. */
static void test_names(void)
{
    begin(6);
    for (uint32_t i = 0; i < 1000; i++) {
        json_t *object = message(i);
        CHECK_STR(text_at(object, "name"), load_name_first(7, i));
        CHECK(json_string_length(json_object_get(object, "name")) < LOAD_NAME_BYTES);
        CHECK(text_at(object, "class") != NULL);
        json_decref(object);
    }
    load_start_deinit(&field);
}

static void test_classes(void)
{
    char text[LOAD_CLASS_BYTES];
    unsigned members[3] = {0};
    for (uint32_t i = 0; i < 300; i++)
        members[load_name_class(i, 3)]++;
    CHECK(members[0] == 100 && members[1] == 100 && members[2] == 100);
    load_name_class_text(0, text);
    CHECK_STR(text, "1A");
    load_name_class_text(LOAD_CLASSES_MAX - 1, text);
    CHECK_STR(text, "250D");
    begin(0);
    json_t *object = message(1);
    CHECK(text_at(object, "name") != NULL && text_at(object, "class") == NULL);
    json_decref(object);
    load_start_deinit(&field);
}

/* Another seed is another school; neighbours are not all called alike. */
static void test_seed(void)
{
    unsigned same_seed = 0, same_name = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        same_seed += load_name_first(1, i) == load_name_first(2, i);
        same_name += load_name_first(1, i) == load_name_first(1, i + 1);
    }
    CHECK(same_seed < 50 && same_name < 50);
}

static void test_greedy(void)
{
    begin(2);
    client.role = LOAD_GREEDY;
    json_t *object = message(3);
    CHECK(json_array_size(json_object_get(object, "targets")) > 1);
    CHECK_STR(text_at(object, "class"), "1B");
    json_decref(object);
    load_start_deinit(&field);
}

int main(void)
{
    RUN(test_names);
    RUN(test_classes);
    RUN(test_seed);
    RUN(test_greedy);
    return check_done();
}
