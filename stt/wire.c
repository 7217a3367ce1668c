#include "stt/wire.h"

#include "base/status.h"
#include "stt/codec_protobuf.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PORT "443"
/* How long before the API would we end a stream. */
#define ROTATE_MARGIN_MS 5000
#define IDLE_MARGIN_MS   500

static const struct stt_wire *const wires[] = {&stt_wire_google_v1, &stt_wire_google_v2,
                                               &stt_wire_riva};

const struct stt_wire *stt_wire_find(const char *name)
{
    for (size_t i = 0; i < sizeof wires / sizeof wires[0]; i++)
        if (strcmp(wires[i]->name, name) == 0)
            return wires[i];
    return NULL;
}

size_t stt_wire_audio_head(const struct stt_wire *wire, uint32_t bytes,
                           uint8_t head[STT_AUDIO_HEAD_MAX])
{
    assert(wire->audio_field > 0 && wire->audio_field < 16); /* a tag of one byte */
    uint8_t varint[PB_VARINT_MAX];
    size_t len = stt__pb_varint(bytes, varint);
    assert(len < STT_AUDIO_HEAD_MAX);
    head[0] = (uint8_t)PB_TAG(wire->audio_field, PB_LEN);
    memcpy(head + 1, varint, len);
    return 1 + len;
}

static uint32_t less(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t stt_wire_rotate_ms(const struct stt_wire *wire, uint32_t configured_ms)
{
    uint32_t max_ms = wire->stream_ms_max;
    return max_ms == 0 ? UINT32_MAX : less(configured_ms, max_ms - ROTATE_MARGIN_MS);
}

uint32_t stt_wire_idle_ms(const struct stt_wire *wire, uint32_t configured_ms)
{
    uint32_t max_ms = wire->gap_ms_max;
    return max_ms == 0 ? configured_ms : less(configured_ms, max_ms - IDLE_MARGIN_MS);
}

/* A part of a resource name or of a host. */
static bool part_valid(const char *text, const char *more)
{
    for (const char *c = text; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && strchr(more, *c) == NULL)
            return false;
    return text[0] != '\0';
}

/* `word` is one of the comma-separated `list`. */
static bool listed(const char *list, const char *word)
{
    size_t word_len = strlen(word);
    for (size_t len = 0; *list != '\0'; list += len + strspn(list + len, ", ")) {
        len = strcspn(list, ", ");
        if (len == word_len && strncmp(list, word, len) == 0)
            return true;
    }
    return false;
}

static int fits(int len, size_t bytes)
{
    return len >= 0 && (size_t)len < bytes ? STATUS_OK : STATUS_LIMIT;
}

int stt_wire_target(const struct stt_wire *wire, const char *location, char *out, size_t bytes)
{
    if (wire->host == NULL || !part_valid(location, "-") ||
        (wire->locations != NULL && !listed(wire->locations, location)))
        return STATUS_INVALID;
    bool global = strcmp(location, "global") == 0;
    return fits(snprintf(out, bytes, "%s%s%s:%s", global ? "" : location, global ? "" : "-",
                         wire->host, PORT),
                bytes);
}

bool stt_wire_target_serves(const struct stt_wire *wire, const char *target, const char *location)
{
    if (wire->host == NULL)
        return true;
    size_t host_len = strlen(wire->host), len = strcspn(target, ":");
    if (len < host_len || strncasecmp(target + len - host_len, wire->host, host_len) != 0)
        return true;
    if (strcmp(location, "global") == 0)
        return len == host_len;
    size_t location_len = strlen(location);
    return len == location_len + 1 + host_len && strncasecmp(target, location, location_len) == 0 &&
           target[location_len] == '-';
}

int stt_wire_recognizer(const char *project, const char *location, const char *recognizer,
                        char *out, size_t bytes)
{
    if (!part_valid(project, "-_.:") || !part_valid(location, "-_.:") ||
        !part_valid(recognizer, "-_.:"))
        return STATUS_INVALID;
    return fits(snprintf(out, bytes, "projects/%s/locations/%s/recognizers/%s", project, location,
                         recognizer),
                bytes);
}

int stt_wire_request_params(const char *recognizer, char *out, size_t bytes)
{
    int len = snprintf(out, bytes, "recognizer=");
    for (const char *c = recognizer; *c != '\0' && (size_t)len < bytes; c++) {
        bool plain = isalnum((unsigned char)*c) || strchr("-_.~", *c) != NULL;
        len += snprintf(out + len, bytes - (size_t)len, plain ? "%c" : "%%%02X", (unsigned char)*c);
    }
    return fits(len, bytes);
}
