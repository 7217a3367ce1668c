#include "bench/load_audio.h"

#include "bench/judge.h"
#include <assert.h>
#include <string.h>

#define SAMPLES_A_MS(rate, ms) ((uint64_t)(rate) * (ms) / 1000)

const struct load_voice_config *load_audio_voice(const struct load_field *field,
                                                 const struct load_client *client)
{
    return client->role == LOAD_GREEDY ? &field->greedy_voice : &field->config->voice;
}

uint32_t load_audio_owed(const struct load_client *client)
{
    return client->due_frames - client->voice.next_frame;
}

/* Builds the next frame of audio; false: no memory, tried again with the next one. */
static bool build_audio(struct load_field *field, struct load_client *client)
{
    struct load_frame *frame = load_frame_push(&field->pool, &client->out);
    if (frame == NULL)
        return false;
    size_t len = load_voice_frame_bytes(client->voice.config), skip = client->skip * 2;
    uint8_t *pcm = frame->bytes + load_ws_head_bytes(len);
    bool speaking;
    load_voice_frame(&client->voice, pcm, &speaking);
    len -= skip;
    pcm = memmove(frame->bytes + load_ws_head_bytes(len), pcm + skip, len);
    client->skip = 0;
    uint32_t mask = (uint32_t)rng_next(&field->masks);
    frame->len = (uint32_t)load_ws_frame(LOAD_WS_BINARY, pcm, len, mask, frame->bytes);
    frame->audio = true;
    return true;
}

void load_audio_build(struct load_field *field, struct load_client *client, unsigned frames_max)
{
    for (unsigned i = 0; i < frames_max && client->state == LOAD_LIVE && !client->leaving &&
                         load_audio_owed(client) > 0 && client->out.len < field->backlog_max;
         i++) {
        if (!build_audio(field, client))
            return;
    }
}

void load_audio_judge(struct load_client *client, uint32_t number, int64_t due_us)
{
    const struct load_voice_config *voice = client->voice.config;
    int64_t from_ms = (int64_t)number * voice->frame_ms, to_ms = from_ms + voice->frame_ms;
    judge_session_audio(client->judged, SAMPLES_A_MS(voice->rate, (uint64_t)to_ms), due_us);
    struct load_utterance utterance;
    if (load_voice_ended(&client->voice, from_ms, to_ms, &utterance))
        judge_session_said(client->judged, &utterance, due_us);
}

void load_audio_seek(const struct load_field *field, struct load_client *client, uint64_t position)
{
    uint64_t samples = load_voice_frame_bytes(load_audio_voice(field, client)) / 2;
    uint64_t frame = position / samples;
    bool sent = frame < client->due_frames;
    client->voice.next_frame = sent ? (uint32_t)frame : client->due_frames;
    client->skip = sent ? (uint16_t)(position % samples) : 0;
}

int64_t load_audio_next_us(const struct load_field *field, struct load_client *client)
{
    int64_t pace = (int64_t)load_audio_voice(field, client)->frame_ms * 1000;
    int64_t half = (int64_t)field->config->jitter_ms * 500;
    int64_t due = client->first_due_us + client->due_frames * pace + half +
                  (half > 0 ? rng_range(&client->jitter, -half, half) : 0);
    if (client->end_due) /* nothing is due any more, but something may be left to send */
        due = field->now_us + pace;
    /* Frames stay in order, however wide the jitter is. */
    client->last_due_us = due > client->last_due_us ? due : client->last_due_us;
    return client->last_due_us;
}
