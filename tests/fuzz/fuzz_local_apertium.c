/* Apertium's stream between its programs: what is read is written again as it was, and whatever is
 * thinned out is a stream again. The same bytes as a mode file name programs to start. */
#include "local/apertium_choice.h"
#include "local/apertium_pipe.h"
#include "local/apertium_stream.h"
#include "tests/fuzz/fuzz_kit.h"

static void check_mode(const uint8_t *data, size_t size)
{
    struct apertium_mode mode;
    if (apertium_mode_read(fuzz_file(data, size), &mode) != 0)
        return;
    assert(mode.stages > 0 && mode.stages <= APERTIUM_STAGES_MAX);
    for (size_t i = 0; i < mode.stages; i++)
        assert(mode.argv[i][0] != NULL && strcmp(mode.argv[i][1], "-z") == 0);
    apertium_mode_free(&mode);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct apertium_stream stream;
    struct buf out;
    char *text = mem_strndup((const char *)data, size);
    size_t len = strlen(text);
    check_mode(data, size);
    buf_init(&out, 1 << 22);
    if (apertium_stream_read(&stream, text, len)) {
        assert(apertium_stream_write(&stream, &out) == 0);
        assert(out.len == len && memcmp(out.data != NULL ? out.data : "", text, len) == 0);
        for (size_t i = 0; i < stream.units_len; i++)
            if (stream.units[i].readings_len > 0)
                apertium_stream_drop(&stream.units[i], 0);
        if (stream.units_len > 1) {
            apertium_stream_swap(&stream, 0);
            apertium_stream_remove(&stream, stream.units_len - 2);
        }
        buf_reset(&out);
        assert(apertium_stream_write(&stream, &out) == 0);
    }
    buf_reset(&out);
    (void)apertium_choice_make(text, len, &out);
    buf_deinit(&out);
    mem_free(text);
    return 0;
}
