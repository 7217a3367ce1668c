#include "base/mem.h"
#include "base/recycle.h"
#include "base/utf8.h"
#include "stt/call.h"
#include "stt/codec.h"
#include "stt/limits.h"
#include <assert.h>
#include <string.h>

_Static_assert(offsetof(struct stt_command, event) == 0 && offsetof(struct stt_event, msg) == 0,
               "a command is sent as a message");

/* What details point to without memory of their own. */
static char no_details[1];

struct stt_command *stt__command_create(enum stt_command_kind kind, uint64_t session, uint32_t call)
{
    struct stt_command *command = recycle_take(sizeof *command);
    if (command == NULL)
        return NULL;
    memset(command, 0, sizeof *command);
    command->event.msg =
        (struct msg){.kind = kind, .session = session, .free_fn = stt__command_free};
    command->event.call = call;
    command->event.details = no_details;
    return command;
}

void stt__command_details(struct stt_command *command, const char *text)
{
    assert(command->event.details == no_details);
    if (text == NULL || text[0] == '\0')
        return;
    char *copy = utf8_nfc(text, strnlen(text, STT_DETAILS_MAX));
    if (copy != NULL)
        command->event.details = copy;
}

void stt__command_free(struct msg *msg)
{
    if (msg == NULL)
        return;
    struct stt_command *command = (struct stt_command *)msg;
    stt_response_free(command->event.response);
    if (command->event.details != no_details)
        mem_free(command->event.details);
    stt_block_unref(command->block);
    stt__call_free(command->opened);
    recycle_give(command, sizeof *command);
}
