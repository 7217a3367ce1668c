#include "local/recognizer_words.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Begins of words; the second list holds whole ones, whose begins are those of others. */
static const char *const begins[] = {
    "fuck", "shit",    "motherf",  "bullshit", "cunt",      "nigg",   "fagg", "bitch",   "whore",
    "slut", "asshole", "dickhead", "dumbass",  "jackass",   "pussy",  "porn", "bastard", "piss",
    "sexy", "orgas",   "masturb",  "erotic",   "prostitut", "rapist", "boob",
};
static const char *const wholes[] = {
    "sex",
    "sexes",
    "sex's",
    "ass",
    "asses",
    "cock",
    "cocks",
    "dick",
    "dicks",
    "tit",
    "tits",
    "rape",
    "rapes",
    "raped",
    "fag",
    "fags",
    "damn",
    "damned",
    "crap",
    "hoe",
    "hoes",
    "penis",
    "vagina",
    "nude",
    "nudes",
    /* Other languages', of which the dictionary has some: heard where a word is unclear. */
    "ich",
    "der",
    "und",
};
static const char *const kept[] = {"niggl", "pissarr"};

#define LEN(list) (sizeof(list) / sizeof((list)[0]))

static bool begins_with(const char *word, size_t len, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t begin = strlen(list[i]);
        if (len >= begin && strncmp(word, list[i], begin) == 0)
            return true;
    }
    return false;
}

bool local_word_fit(const char *word, size_t len)
{
    for (size_t i = 0; i < LEN(wholes); i++) {
        if (strlen(wholes[i]) == len && strncmp(word, wholes[i], len) == 0)
            return false;
    }
    return !begins_with(word, len, begins, LEN(begins)) || begins_with(word, len, kept, LEN(kept));
}

static bool copy(FILE *from, FILE *to)
{
    char line[512];
    while (fgets(line, sizeof line, from) != NULL) {
        if (local_word_fit(line, strcspn(line, " \t(\n")) && fputs(line, to) < 0)
            return false;
    }
    return ferror(from) == 0 && fflush(to) == 0;
}

int local_words_open(const char *path)
{
    FILE *from = fopen(path, "re");
    if (from == NULL)
        return -1;
    int fd = memfd_create("dictionary", MFD_CLOEXEC);
    int second = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    FILE *to = second >= 0 ? fdopen(second, "w") : NULL;
    bool done = to != NULL && copy(from, to);
    if (to != NULL)
        fclose(to);
    else if (second >= 0)
        close(second);
    fclose(from);
    if (!done && fd >= 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}
