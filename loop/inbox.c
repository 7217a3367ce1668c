/* Mailboxes received on a loop. */
#include "loop/internal.h"

#include "base/mailbox.h"
#include "base/status.h"
#include <assert.h>

static void inbox_wake(void *ctx)
{
    loop_wake(ctx);
}

int loop_inbox_open(struct loop *loop, struct loop_inbox *inbox, uint32_t capacity,
                    void (*on_msg)(struct loop_inbox *inbox, struct msg *msg))
{
    loop__assert_thread(loop);
    assert(on_msg != NULL && capacity > 0);
    struct mailbox *mailbox = mailbox_create(capacity, inbox_wake, loop);
    if (mailbox == NULL)
        return STATUS_NOMEM;
    *inbox = (struct loop_inbox){
        .loop = loop, .mailbox = mailbox, .on_msg = on_msg, .next = loop->inboxes};
    loop->inboxes = inbox;
    return STATUS_OK;
}

void loop_inbox_close(struct loop_inbox *inbox)
{
    struct loop *loop = inbox->loop;
    loop__assert_thread(loop);
    struct loop_inbox **link = &loop->inboxes;
    while (*link != inbox) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = inbox->next;
    if (loop->inbox_next == inbox)
        loop->inbox_next = inbox->next;
    if (loop->inbox_current == inbox)
        loop->inbox_current = NULL;
    mailbox_close(inbox->mailbox);
    mailbox_destroy(inbox->mailbox);
    inbox->mailbox = NULL;
}

/* A callback may close any inbox, this one too: `inbox_current` and `inbox_next` follow. */
void loop__inboxes_run(struct loop *loop)
{
    for (struct loop_inbox *inbox = loop->inboxes; inbox != NULL; inbox = loop->inbox_next) {
        loop->inbox_next = inbox->next;
        loop->inbox_current = inbox;
        for (int i = 0; i < LOOP_INBOX_BATCH && loop->inbox_current == inbox; i++) {
            struct msg *msg = mailbox_recv(inbox->mailbox);
            if (msg == NULL)
                break;
            inbox->on_msg(inbox, msg);
        }
    }
    loop->inbox_current = NULL;
}

bool loop__inboxes_park(struct loop *loop)
{
    for (struct loop_inbox *inbox = loop->inboxes; inbox != NULL; inbox = inbox->next) {
        if (!mailbox_park(inbox->mailbox))
            return false;
    }
    return true;
}
