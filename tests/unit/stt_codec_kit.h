/* What the tests of the wires' codecs share: bytes as hex, requests and responses through a wire.
 */
#pragma once

#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "stt/limits.h"
#include "stt/wire.h"
#include "tests/check.h"
#include <stdint.h>

#define HEX_BYTES_MAX 4096

static inline const char *to_hex(const void *bytes, size_t len)
{
    static char hex[2 * HEX_BYTES_MAX + 1];
    CHECK(len <= HEX_BYTES_MAX);
    hex[0] = '\0';
    for (size_t i = 0; i < len; i++)
        snprintf(hex + 2 * i, 3, "%02x", ((const uint8_t *)bytes)[i]);
    return hex;
}

/* Spaces are left out. */
static inline size_t from_hex(const char *hex, uint8_t bytes[HEX_BYTES_MAX])
{
    size_t len = 0;
    while (*hex != '\0') {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        char digits[3] = {hex[0], hex[1], '\0'};
        CHECK(len < HEX_BYTES_MAX);
        bytes[len++] = (uint8_t)strtoul(digits, NULL, 16);
        hex += 2;
    }
    return len;
}

/* Reads from a block of the exact size, so that a sanitizer sees every read past the end. */
static inline int read_exact(const struct stt_wire *wire, const uint8_t *bytes, size_t len,
                             struct stt_response **out)
{
    uint8_t *exact = mem_alloc(len > 0 ? len : 1);
    memcpy(exact, bytes, len);
    int status = wire->response_read(exact, len, out);
    memset(exact, 0xdd, len);
    mem_free(exact);
    return status;
}

static inline int read_hex(const struct stt_wire *wire, const char *hex, struct stt_response **out)
{
    uint8_t bytes[HEX_BYTES_MAX];
    return read_exact(wire, bytes, from_hex(hex, bytes), out);
}

/* The response is there, or the test ends here. */
static inline struct stt_response *read_good(const struct stt_wire *wire, const char *hex)
{
    struct stt_response *response = NULL;
    CHECK_EQ(read_hex(wire, hex, &response), 0);
    if (response == NULL)
        abort();
    return response;
}

static inline void check_config(const struct stt_wire *wire,
                                const struct stt_recognition_config *config, const char *golden)
{
    struct buf out;
    buf_init(&out, STT_CONFIG_BYTES_MAX);
    CHECK_EQ(wire->config_write(config, &out), 0);
    CHECK_STR(to_hex(out.data, out.len), golden);
    buf_deinit(&out);
}

static inline void check_word(const struct stt_response_word *word, const char *text,
                              int64_t start_us, int64_t end_us)
{
    CHECK_STR(word->text, text);
    CHECK_EQ(word->start_us, start_us);
    CHECK_EQ(word->end_us, end_us);
}

static inline void check_malformed(const struct stt_wire *wire, const char *const *bad, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        struct stt_response *response = NULL;
        int status = read_hex(wire, bad[i], &response);
        if (status != STATUS_PROTOCOL)
            fprintf(stderr, "%s took %s\n", wire->name, bad[i]);
        CHECK_EQ(status, STATUS_PROTOCOL);
        CHECK(response == NULL);
    }
}
