/* Dead letters: kept in a database that is there, told oldest first, removed one by one. */
#include "base/status.h"
#include "server/letters.h"
#include "server/limits.h"
#include "tests/check.h"
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

static char path[64];
static char seen[256];

static struct webhook_dead dead(const char *id, int64_t wall_us)
{
    struct webhook_dead dead = {.event = "alert",
                                .wall_us = wall_us,
                                .tries = 6,
                                .why = "answered with status 500",
                                .letter = {.body = "{\"a\":1}rest", .body_len = 7}};
    snprintf(dead.letter.id, sizeof dead.letter.id, "%s", id);
    return dead;
}

static bool note(void *ctx, const struct webhook_dead *dead)
{
    CHECK_STR(dead->event, "alert");
    CHECK(dead->letter.body_len == 7 && memcmp(dead->letter.body, "{\"a\":1}", 7) == 0);
    CHECK_EQ(dead->tries, 6);
    CHECK_STR(dead->why, "answered with status 500");
    strcat(strcat(seen, dead->letter.id), " ");
    return ctx == NULL;
}

static const char *all(struct letters *letters)
{
    seen[0] = '\0';
    CHECK_EQ(letters_each(letters, note, NULL), 0);
    return seen;
}

static bool removes(void *ctx, const struct webhook_dead *dead)
{
    CHECK_EQ(letters_remove(ctx, dead->letter.id), 0);
    return true;
}

static void test_life(void)
{
    struct letters *letters = NULL, *admin = NULL;
    CHECK_EQ(letters_open(&letters, "/nowhere/at/all"), STATUS_IO);
    CHECK_EQ(letters_open(&letters, path), 0);
    struct webhook_dead second = dead("msg_b", 2), first = dead("msg_a", 1);
    CHECK_EQ(letters_put(letters, &second), 0);
    CHECK_EQ(letters_put(letters, &first), 0);
    CHECK_EQ(letters_put(letters, &first), 0);
    CHECK_EQ(letters_open(&admin, path), 0); /* another program */
    CHECK_STR(all(admin), "msg_a msg_b ");
    seen[0] = '\0';
    CHECK_EQ(letters_each(admin, note, admin), 0);
    CHECK_STR(seen, "msg_a ");
    CHECK_EQ(letters_remove(admin, "msg_a"), 0);
    CHECK_EQ(letters_remove(admin, "msg_a"), STATUS_NOT_FOUND);
    CHECK_STR(all(letters), "msg_b ");
    CHECK_EQ(letters_each(letters, removes, letters), 0);
    CHECK_STR(all(letters), "");
    letters_close(admin);
    letters_close(letters);
    letters_close(NULL);
}

int main(void)
{
    sqlite3 *db;
    snprintf(path, sizeof path, "/tmp/sotto-letters-XXXXXX");
    close(mkstemp(path));
    CHECK_EQ(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db, "CREATE TABLE sessions (id TEXT)", NULL, NULL, NULL);
    sqlite3_close(db);
    RUN(test_life);
    unlink(path);
    return check_done();
}
