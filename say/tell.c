#include "say/tell.h"

#include "say/client.h"
#include "say/event.h"
#include "say/outcome.h"
#include "say/output.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void tell_error(struct output *output, const struct event *event)
{
    char retry[64] = "";
    if (event->retry_after_ms >= 0)
        snprintf(retry, sizeof retry, "; try again in %" PRId64 " s",
                 (event->retry_after_ms + 999) / 1000);
    output_error(output, "the server %s: %s: %s%s", event->fatal ? "refuses" : "says", event->code,
                 event->message, retry);
    if (event->fatal && strcmp(event->code, "unauthorized") == 0)
        output_error(output, "give a valid token with --token-file or in SOTTO_TOKEN");
}

void tell_end(struct output *output, const struct say_url *url, bool refused,
              const struct client_end *end)
{
    if (end->http_status >= 400)
        output_error(output, "%s:%u refused the connection: HTTP %u", url->host, url->port,
                     end->http_status);
    else if (!end->opened && url->tls && strstr(end->text, "SSL") != NULL)
        output_error(output,
                     "no secure connection to %s:%u: %s; name its certificate authority with --ca",
                     url->host, url->port, end->text);
    else if (!end->opened)
        output_error(output, "cannot connect to %s:%u (%s); is the server running?", url->host,
                     url->port, *end->text != '\0' ? end->text : "no answer");
    else if (!refused)
        output_error(output, "the connection was lost (close code %u %s)", end->close_code,
                     end->text);
}

void tell_broken(struct output *output, uint64_t seq, bool gap)
{
    output_error(output,
                 "message %" PRIu64 " came %s: that is a bug of the server, please report it", seq,
                 gap ? "and the one before it did not" : "twice");
}

void tell_waiting(struct output *output, unsigned attempts, bool full)
{
    /* On a terminal it is painted again each time; elsewhere once is enough. */
    if (attempts <= 1 || output->view.live)
        output_status(output, full ? "reconnecting … (the oldest you said is given up)"
                                   : "reconnecting … (nothing you say is lost)");
}

void tell_empty(struct output *output, const struct outcome *outcome)
{
    const struct options *options = output->options;
    if (outcome->captions == 0) {
        output_error(output, "no captions came; is there speech in the input?");
        return;
    }
    for (unsigned i = 0; i < options->targets_count; i++) {
        if (outcome->translations[i] == 0)
            output_error(output, "no translation into %s came", options->targets[i]);
    }
}
