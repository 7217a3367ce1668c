/*
 * The command line of sotto-local.
 *
 * Threads: pure but for the messages written to `err`.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

enum options_action { OPTIONS_SERVE, OPTIONS_HELP, OPTIONS_VERSION };

/* Strings are the command line's. */
struct options {
    enum options_action action;
    const char *listen; /* "127.0.0.1" */
    uint16_t speech_port;
    uint16_t chat_port;
    const char *cert_dir;  /* "." */
    const char *model_dir; /* NULL: Debian's */
    unsigned decoders;     /* 0: measured */
    unsigned stream_limit_s;
    unsigned audio_timeout_s;
    unsigned decoder_wait_s;
    const char *log; /* as log_configure() reads it */
};

/* STATUS_INVALID after a line on `err` that names the option at fault. */
int options_read(struct options *out, int argc, char *const *argv, FILE *err);
void options_help(FILE *out);
