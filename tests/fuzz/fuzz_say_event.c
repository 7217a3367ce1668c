/* Whatever a server sends: read, shown on a terminal, never steering it, and written as subtitles.
 */
#include "base/buf.h"
#include "base/status.h"
#include "base/utf8.h"
#include "say/event.h"
#include "say/outcome.h"
#include "say/view.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct options options = {.targets_count = 1, .targets = {"es"}};
    struct view view = {.live = true, .color = false, .width = size % 100};
    struct outcome outcome = {0};
    struct event event;
    struct buf out;
    if (event_parse(&event, (const char *)data, size) != STATUS_OK)
        return 0;
    buf_init(&out, 64 << 20);
    view_event(&view, &event, &out);
    outcome_event(&outcome, &options, &event);
    event_deinit(&event);
    assert(buf_status(&out) == STATUS_OK);
    assert(out.len == 0 || utf8_valid(out.data, out.len));
    /* Without colour the only escape is ours: erase to the end of the line. */
    for (const char *at = out.data; at != NULL && (at = strchr(at, '\033')) != NULL; at++)
        assert(strncmp(at, "\033[K", 3) == 0);
    buf_deinit(&out);
    return 0;
}
