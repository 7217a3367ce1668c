#include "base/mem.h"
#include "base/status.h"
#include "server/store_path.h"
#include "tests/unit/store_kit.h"
#include <sys/stat.h>

static void check_path(const char *configured, const char *wanted)
{
    char *path = NULL, why[STORE_PATH_WHY_BYTES] = "";
    CHECK_EQ(store_path_find(configured, &path, why), STATUS_OK);
    CHECK_STR(path, wanted);
    mem_free(path);
}

static void check_nowhere(int wanted)
{
    char *path = NULL, why[STORE_PATH_WHY_BYTES] = "";
    CHECK_EQ(store_path_find("", &path, why), wanted);
    CHECK(path == NULL);
    CHECK(strstr(why, "[store]") != NULL);
}

static void test_where_it_is(void)
{
    char name[200], wanted[200];
    struct stat info;
    kit_enter();
    unsetenv("STATE_DIRECTORY");
    unsetenv("XDG_STATE_HOME");
    setenv("HOME", kit_folder, 1);
    check_path("none", "");
    check_path("/srv/x.db", "/srv/x.db");
    check_path("x.db", "x.db");

    snprintf(wanted, sizeof wanted, "%s/.local/state/sotto/sotto.db", kit_folder);
    char *path = NULL, why[STORE_PATH_WHY_BYTES];
    CHECK_EQ(store_path_look("", &path, why), STATUS_OK);
    CHECK_STR(path, wanted);
    mem_free(path);
    snprintf(name, sizeof name, "%s/.local/state/sotto", kit_folder);
    CHECK(access(name, F_OK) != 0);
    check_path("", wanted);
    CHECK_EQ(stat(name, &info), 0);
    CHECK_EQ(info.st_mode & 0777, 0700);
    check_path("", wanted);

    setenv("XDG_STATE_HOME", "relative", 1);
    check_path("", wanted);
    snprintf(name, sizeof name, "%s/xdg", kit_folder);
    setenv("XDG_STATE_HOME", name, 1);
    snprintf(wanted, sizeof wanted, "%s/xdg/sotto/sotto.db", kit_folder);
    check_path("", wanted);
    snprintf(name, sizeof name, "%s/first:%s/second", kit_folder, kit_folder);
    setenv("STATE_DIRECTORY", name, 1);
    snprintf(wanted, sizeof wanted, "%s/first/sotto.db", kit_folder);
    check_path("", wanted);
    kit_leave();
}

static void test_nowhere(void)
{
    unsetenv("STATE_DIRECTORY");
    unsetenv("XDG_STATE_HOME");
    setenv("HOME", "/proc/self/nothing", 1);
    check_nowhere(STATUS_IO);
    unsetenv("HOME");
    check_nowhere(STATUS_NOT_FOUND);
    char *home = mem_alloc(9000);
    memset(home, '/', 8999);
    home[8999] = '\0';
    setenv("HOME", home, 1);
    mem_free(home);
    check_nowhere(STATUS_LIMIT);
}

int main(void)
{
    RUN(test_where_it_is);
    RUN(test_nowhere);
    return check_done();
}
