# Writes OUT, C that holds the files of FOLDER (server/pages_embedded.h). Their hashes stand in it, so that it changes
# whenever one of them does.
#   cmake -D FOLDER=web -D OUT=pages_embedded.c -P pages.cmake
file(GLOB_RECURSE files RELATIVE ${FOLDER} ${FOLDER}/*)
# Editors and systems leave files there whose names begin or end so; package.json is for node's tests.
list(FILTER files EXCLUDE REGEX "(^|/)\\.|~$|^package\\.json$")
list(SORT files)

set(bytes "")
set(names "")
set(table "")
set(number 0)
foreach(file ${files})
    if(NOT file MATCHES "^[A-Za-z0-9_./-]+$")
        message(FATAL_ERROR "web/${file}: names are of a-z, A-Z, 0-9, _, - and .")
    endif()
    file(SHA256 ${FOLDER}/${file} hash)
    string(SUBSTRING ${hash} 0 32 hash)
    string(APPEND bytes "        \"page_${number}: .incbin \\\"${FOLDER}/${file}\\\"\\n\"\n"
                        "        \"page_${number}_end: .byte 0\\n\"\n")
    string(APPEND names "extern const char page_${number}[], page_${number}_end[];\n")
    string(APPEND table "    {\"${file}\", page_${number}, page_${number}_end, \"\\\"${hash}\\\"\"},\n")
    math(EXPR number "${number} + 1")
endforeach()

file(WRITE ${OUT}.new "/* Made by server/pages.cmake. */
#include \"server/pages_embedded.h\"
#include <stddef.h>

__asm__(\".pushsection .rodata.pages, \\\"a\\\"\\n\"
${bytes}        \".popsection\\n\");

${names}
const struct page_embedded pages_embedded[] = {
${table}    {NULL, NULL, NULL, NULL},
};
")
file(RENAME ${OUT}.new ${OUT})
