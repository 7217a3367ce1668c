/*
 * The command line of sotto-say.
 *
 * Threads: any. Memory: strings borrow from argv and the environment, which outlive everything
 * here.
 */
#pragma once

#include "say/limits.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum say_input { SAY_INPUT_WAV, SAY_INPUT_STDIN, SAY_INPUT_MIC };

/* Process exit codes; the help text repeats them. */
enum say_exit {
    SAY_EXIT_OK = 0,
    SAY_EXIT_USAGE = 1,
    SAY_EXIT_CONNECT = 2,
    SAY_EXIT_REFUSED = 3,
    SAY_EXIT_LOST = 4,
    SAY_EXIT_EMPTY = 5,
    SAY_EXIT_BROKEN = 6
};

struct say_url {
    char host[256];
    char path[1024];
    uint16_t port;
    bool tls;
};

struct options {
    enum say_input input;
    const char *file; /* SAY_INPUT_WAV */
    struct say_url url;
    const char *ca_file;
    const char *source;
    char targets[SAY_TARGETS_MAX][36]; /* BCP-47 tags, RFC 5646 section 4.4.1: 35 bytes suffice */
    unsigned targets_count;
    unsigned rate; /* of raw input */
    double speed;  /* 0: unpaced */
    const char *token;
    const char *token_file; /* the token is in there; NULL: it is not */
    const char *name, *class_name, *stability;
    const char *srt_file, *srt_lang; /* srt_lang NULL: the language spoken */
    bool grammar, partials;
    bool resume;
    unsigned keep_s; /* of audio, for the server to ask for again */
    bool json, stamp, quiet, no_color;
    bool help, version;
};

/*
 * Reads argv and SOTTO_TOKEN (`token_env`, may be NULL). STATUS_INVALID: `error` (at least 256
 * bytes) says what is wrong and what to write instead.
 */
int options_parse(struct options *options, int argc, char **argv, const char *token_env,
                  char error[256]);
/* ws://host[:port][/path] or wss://…; STATUS_INVALID. */
int options_parse_url(struct say_url *url, const char *text);
void options_help(FILE *out);
