/* What server/pages.cmake makes of web/ when the program is built. */
#pragma once

struct page_embedded {
    const char *name; /* below web/; NULL: the list ends */
    const char *begin, *end;
    const char *etag; /* with its quotes: the beginning of the content's SHA-256 */
};

extern const struct page_embedded pages_embedded[];
