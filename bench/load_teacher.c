#include "bench/load_teacher.h"

#include "base/status.h"
#include "bench/judge.h"
#include "bench/load_name.h"
#include "bench/load_send.h"
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define WATCH_BYTES 512 /* without the token */

int load_teacher_init(struct load_teacher *teacher, struct load_field *field, unsigned number)
{
    const struct load_config *config = field->config;
    teacher->class_number =
        config->teachers_of_class ? (int)(number % config->classes) : JUDGE_WATCH_ALL;
    teacher->slow = number < config->slow_teachers;
    teacher->named = false;
    teacher->judged = judge_watcher_open(field->judge, teacher->class_number, teacher->slow);
    return teacher->judged != NULL ? STATUS_OK : STATUS_NOMEM;
}

size_t load_teacher_message_max(const struct load_config *config)
{
    return WATCH_BYTES + (config->teacher_token != NULL ? strlen(config->teacher_token) : 0);
}

static int send_watch(struct load_field *field, struct load_client *client,
                      char ids[][JUDGE_WATCH_ID_BYTES], unsigned count)
{
    const struct load_config *config = field->config;
    json_t *watch = json_pack("{s:s}", "type", "watch");
    if (config->teacher_token != NULL)
        json_object_set_new(watch, "token", json_string(config->teacher_token));
    if (client->teacher->class_number != JUDGE_WATCH_ALL) {
        char class_text[LOAD_CLASS_BYTES];
        load_name_class_text((unsigned)client->teacher->class_number, class_text);
        json_object_set_new(watch, "class", json_string(class_text));
    }
    if (count > 0)
        json_object_set_new(watch, "sessions", json_array());
    for (unsigned i = 0; i < count; i++)
        json_array_append_new(json_object_get(watch, "sessions"), json_string(ids[i]));
    char *text = json_dumps(watch, JSON_COMPACT);
    json_decref(watch);
    if (text == NULL)
        return STATUS_NOMEM;
    assert(strlen(text) <= load_teacher_message_max(config));
    int status = load_send_message(field, client, LOAD_WS_TEXT, text, strlen(text));
    free(text);
    return status;
}

int load_teacher_start(struct load_field *field, struct load_client *client)
{
    client->teacher->named = false;
    return send_watch(field, client, NULL, 0);
}

int load_teacher_heard(struct load_field *field, struct load_client *client, const char *text,
                       size_t len)
{
    struct load_teacher *teacher = client->teacher;
    char ids[JUDGE_WATCH_NAMED_MAX][JUDGE_WATCH_ID_BYTES];
    enum judge_watch_heard heard = judge_watcher_heard(teacher->judged, text, len, field->now_us);
    if (heard == JUDGE_WATCH_OTHER || teacher->named || field->draining)
        return STATUS_OK;
    unsigned count = judge_watcher_name(teacher->judged, field->config->teachers_open, ids);
    if (count == 0)
        return STATUS_OK;
    teacher->named = true;
    return send_watch(field, client, ids, count);
}

void load_teacher_receive(struct load_field *field, struct load_client *client)
{
    struct load_teacher *teacher = client->teacher;
    const struct load_config *config = field->config;
    size_t slow = LOAD_TEACHER_SLOW_BYTES * (size_t)(config->sessions + config->silent);
    size_t len = teacher->slow && slow < sizeof teacher->bytes ? slow : sizeof teacher->bytes;
    load_ring_recv_into(&field->ring, client->index, client->fd, teacher->bytes, len);
}

bool load_teacher_lost(struct load_field *field, const struct load_client *client)
{
    if (client->state == LOAD_CONNECTING || client->state == LOAD_UPGRADING) {
        field->sum->teachers_failed++;
        field->sum->teachers_status = client->reader.status;
    } else if (!field->draining) {
        judge_watcher_closed(client->teacher->judged, false, field->now_us);
    }
    return !field->draining && !client->ended;
}
