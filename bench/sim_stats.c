#include "base/buf.h"
#include "bench/sim.h"

struct counter {
    const char *name;
    size_t offset;
};
#define SPEECH(field)                                                                              \
    {                                                                                              \
#field, offsetof(struct sim_stats, speech.field)                                           \
    }
#define CHAT(field)                                                                                \
    {                                                                                              \
#field, offsetof(struct sim_stats, chat.field)                                             \
    }

static const struct counter speech[] = {
    SPEECH(streams),     SPEECH(streams_open),    SPEECH(streams_peak), SPEECH(messages),
    SPEECH(audio_bytes), SPEECH(results),         SPEECH(finals),       SPEECH(half_closes),
    SPEECH(connections), SPEECH(protocol_errors),
};

static const struct counter chat[] = {
    CHAT(requests),     CHAT(answered),       CHAT(partials),      CHAT(finals),
    CHAT(translations), CHAT(corrections),    CHAT(cancelled),     CHAT(throttled),
    CHAT(bad_requests), CHAT(prompt_tokens),  CHAT(answer_tokens), CHAT(connections),
    CHAT(in_flight),    CHAT(in_flight_peak), CHAT(minute_peak),
};

static void write_counters(const struct sim_stats *stats, const struct counter *counters,
                           size_t len, struct buf *out)
{
    for (size_t i = 0; i < len; i++) {
        const uint64_t *value = (const void *)((const char *)stats + counters[i].offset);
        buf_printf(out, "%s\"%s\": %llu", i > 0 ? ", " : "{", counters[i].name,
                   (unsigned long long)*value);
    }
    buf_putc(out, '}');
}

void sim_stats_write(const struct sim_stats *stats, struct buf *out)
{
    buf_puts(out, "{\"speech\": ");
    write_counters(stats, speech, sizeof speech / sizeof speech[0], out);
    buf_puts(out, ", \"chat\": ");
    write_counters(stats, chat, sizeof chat / sizeof chat[0], out);
    buf_putc(out, '}');
}
