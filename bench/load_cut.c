#include "bench/load_cut.h"

#include "bench/load_audio.h"
#include <math.h>
#include <unistd.h>

#define IN_BYTES 800 /* a cut of what comes in falls within so many */

void load_cut_plan(struct load_field *field, struct load_client *client)
{
    double rate = field->config->cuts_minute;
    if (rate <= 0 || field->draining)
        return;
    double minutes = -log(1 - rng_unit(&client->jitter)) / rate;
    load_client_schedule(field, client, LOAD_DUE_SNIP, field->now_us + (int64_t)(minutes * 60e6));
}

void load_cut_arm(struct load_field *field, struct load_client *client)
{
    size_t frame = load_voice_frame_bytes(load_audio_voice(field, client));
    if (field->draining)
        return;
    if (rng_below(&client->jitter, 2) == 0)
        client->cut_in = 1 + (uint32_t)rng_below(&client->jitter, IN_BYTES);
    else
        client->cut_out = 1 + (uint32_t)rng_below(&client->jitter, frame);
}

void load_cut_abandon(struct load_field *field, int fd)
{
    uint32_t place = field->abandoned_len++ % LOAD_ABANDONED_MAX;
    if (field->abandoned_len > LOAD_ABANDONED_MAX)
        close(field->abandoned[place]);
    field->abandoned[place] = fd;
}

void load_cut_close_all(struct load_field *field)
{
    for (uint32_t i = 0; i < field->abandoned_len && i < LOAD_ABANDONED_MAX; i++)
        close(field->abandoned[i]);
    field->abandoned_len = 0;
}

size_t load_cut_sends(const struct load_client *client, size_t len)
{
    return client->cut_out > 0 && client->cut_out < len ? client->cut_out : len;
}

bool load_cut_sent(struct load_client *client, size_t len)
{
    if (client->cut_out == 0)
        return false;
    /* What was on its way when the cut was drawn may be longer than it. */
    client->cut_out -= len < client->cut_out ? (uint32_t)len : client->cut_out;
    return client->cut_out == 0;
}

bool load_cut_received(struct load_client *client, size_t *len)
{
    if (client->cut_in == 0)
        return false;
    if (client->cut_in > *len) {
        client->cut_in -= (uint32_t)*len;
        return false;
    }
    *len = client->cut_in;
    client->cut_in = 0;
    return true;
}
