#include "server/store_vfs.h"
#include "tests/check.h"

static uint8_t page[4096];

/* A page whose b-tree header, at `header`, tells of `cells` that begin at `content`. */
static void check_unused(size_t header, uint8_t kind, unsigned cells, unsigned content,
                         size_t wanted_from, size_t wanted_to)
{
    size_t from = 1, to = 2;
    memset(page, 0, sizeof page);
    page[header] = kind;
    page[header + 3] = (uint8_t)(cells >> 8);
    page[header + 4] = (uint8_t)cells;
    page[header + 5] = (uint8_t)(content >> 8);
    page[header + 6] = (uint8_t)content;
    store_vfs_unused(page, sizeof page, header == 100 ? 1 : 7, &from, &to);
    CHECK_EQ(from, wanted_from);
    CHECK_EQ(to, wanted_to);
}

/* Kinds of pages and their headers: https://www.sqlite.org/fileformat2.html, section 1.6. */
static void test_pages(void)
{
    check_unused(0, 13, 3, 1000, 8 + 6, 1000);
    check_unused(0, 10, 3, 1000, 8 + 6, 1000);
    check_unused(0, 5, 3, 1000, 12 + 6, 1000);
    check_unused(0, 2, 300, 4096, 12 + 600, 4096);
    check_unused(100, 13, 3, 1000, 108 + 6, 1000);
    check_unused(0, 13, 496, 1000, 0, 0); /* full */
    check_unused(0, 13, 0, 4096, 8, 4096);
}

/* Nothing is touched of what is no b-tree page, or a damaged one. */
static void test_others(void)
{
    for (unsigned kind = 0; kind < 256; kind++)
        if (kind != 2 && kind != 5 && kind != 10 && kind != 13)
            check_unused(0, (uint8_t)kind, 3, 1000, 0, 0);
    check_unused(0, 13, 3, 4097, 0, 0);
    check_unused(0, 13, 3, 0, 0, 0);
    check_unused(0, 13, 65535, 1000, 0, 0);
    check_unused(0, 13, 3, 10, 0, 0);
}

int main(void)
{
    RUN(test_pages);
    RUN(test_others);
    CHECK_STR(store_vfs(), "sotto");
    CHECK_STR(store_vfs(), "sotto");
    return check_done();
}
