#include "say/output.h"

#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "say/columns.h"
#include "say/event.h"
#include "say/srt.h"
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_DEFAULT 80

static bool color_wanted(const struct options *options, bool terminal)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return terminal && !options->no_color && (no_color == NULL || *no_color == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

void output_resize(struct output *output)
{
    struct winsize size;
    output->view.width = WIDTH_DEFAULT;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        output->view.width = size.ws_col;
}

int output_open(struct output *output, const struct options *options)
{
    bool terminal = isatty(STDOUT_FILENO) == 1;
    const char *term = getenv("TERM");
    *output = (struct output){.options = options};
    output->view.live = terminal && (term == NULL || strcmp(term, "dumb") != 0);
    output->view.color = color_wanted(options, terminal);
    output_resize(output);
    buf_init(&output->buf, SAY_LINE_BYTES + SAY_EVENT_BYTES);
    return options->srt_file != NULL ? srt_open(&output->srt, options->srt_file) : STATUS_OK;
}

static void flush(struct output *output)
{
    size_t done = 0;
    while (done < output->buf.len && !output->broken) {
        ssize_t written = write(STDOUT_FILENO, output->buf.data + done, output->buf.len - done);
        if (written >= 0)
            done += (size_t)written;
        else if (errno != EINTR)
            output->broken = true;
    }
    buf_reset(&output->buf);
}

void output_close(struct output *output)
{
    view_clear(&output->view, &output->buf);
    flush(output);
    buf_deinit(&output->buf);
    srt_close(output->srt);
    output->srt = NULL;
}

/* The event as it came, unless it has to change: a stamp is asked for, or line ends inside would
 * break the line. */
static void put_json(struct output *output, const struct event *event, const char *text, size_t len,
                     int64_t now_us)
{
    bool stamp = output->options->stamp;
    if (stamp)
        json_object_set_new(event->root, "client_us", json_integer(now_us));
    if (stamp || memchr(text, '\n', len) != NULL || memchr(text, '\r', len) != NULL) {
        char *line = json_dumps(event->root, JSON_COMPACT | JSON_REAL_PRECISION(12));
        if (line != NULL)
            buf_puts(&output->buf, line);
        free(line); /* jansson's own allocation */
    } else {
        buf_append(&output->buf, text, len);
    }
    buf_putc(&output->buf, '\n');
}

static void put_cue(struct output *output, const struct event *event)
{
    const char *lang = output->options->srt_lang;
    bool wanted = lang == NULL ? event->type == EVENT_TRANSCRIPT
                               : event->type == EVENT_TRANSLATION && strcmp(event->lang, lang) == 0;
    if (output->srt == NULL || !wanted || !event->final || *event->failed != '\0')
        return;
    if (srt_add(output->srt, event->start_ms, event->end_ms, event->committed) != STATUS_OK) {
        output_error(output, "cannot write %s any more: %s", output->options->srt_file,
                     strerror(errno));
        srt_close(output->srt);
        output->srt = NULL;
    }
}

void output_event(struct output *output, const struct event *event, const char *text, size_t len,
                  int64_t now_us)
{
    put_cue(output, event);
    if (output->options->json)
        put_json(output, event, text, len, now_us);
    else if (!output->options->quiet)
        view_event(&output->view, event, &output->buf);
    flush(output);
}

void output_sent(struct output *output, uint64_t audio_samples, int64_t now_us)
{
    if (!output->options->stamp)
        return;
    buf_printf(&output->buf,
               "{\"type\":\"client.audio\",\"audio_samples\":%" PRIu64 ",\"client_us\":%" PRId64
               "}\n",
               audio_samples, now_us);
    flush(output);
}

void output_status(struct output *output, const char *text)
{
    if (output->options->quiet)
        return;
    if (output->options->json) {
        fprintf(stderr, "sotto-say: %s\n", text);
        return;
    }
    view_status(&output->view, text, &output->buf);
    flush(output);
}

void output_void(struct output *output, uint64_t segment)
{
    view_void(&output->view, segment, &output->buf);
    flush(output);
}

void output_error(struct output *output, const char *format, ...)
{
    struct buf line;
    va_list args;
    uint32_t code;
    size_t step;
    view_clear(&output->view, &output->buf);
    flush(output);
    buf_init(&line, SAY_LINE_BYTES);
    va_start(args, format);
    buf_vprintf(&line, format, args);
    va_end(args);
    /* Parts come from elsewhere, cut to their room: any bytes. */
    char *text = buf_status(&line) == STATUS_OK ? utf8_nfc(line.data, line.len) : NULL;
    size_t len = text != NULL ? strlen(text) : 0;
    fputs("sotto-say: ", stderr);
    for (size_t at = 0; len > 0 && (step = utf8_decode(text + at, len - at, &code)) > 0; at += step)
        fwrite(columns_is_safe(code) ? text + at : " ", 1, columns_is_safe(code) ? step : 1,
               stderr);
    fputc('\n', stderr);
    mem_free(text);
    buf_deinit(&line);
}
