/* The bounds of translate, with units. */
#pragma once

#define TRANSLATE_WORDS_MAX    2048  /* words of a text that are compared with another */
#define TRANSLATE_FIRST_WORDS  2     /* words of a segment before its first partial is asked */
#define TRANSLATE_PIECE_GAP_US 60000 /* least time between two shown pieces of a streamed final */
#define TRANSLATE_ALIGN_AHEAD                                                                      \
    3 /* words read past the committed ones before a stream is spliced                             \
       */
#define TRANSLATE_MASK_WORDS       2  /* last words that medium stability holds back */
#define TRANSLATE_ANCHOR_BYTES     72 /* source and translation that are worth not sending again */
#define TRANSLATE_CONTEXT_BYTES    24 /* of what stands before a text, in each language */
#define TRANSLATE_LANG_BYTES_MAX   35 /* of a BCP-47 tag in a prompt (RFC 5646, 4.4.1) */
#define TRANSLATE_PROMPT_BYTES_MAX 4096 /* of the system prompt */
#define TRANSLATE_TERMS_MAX        16   /* entries of glossary and of vocabulary in a prompt */
#define TRANSLATE_TOKENS_MIN       64   /* least allowance for an answer */
#define TRANSLATE_TOKENS_FACTOR    3    /* answer tokens allowed for one of the source */
#define TRANSLATE_ANSWER_FACTOR    3    /* an answer longer than so many times the source, … */
#define TRANSLATE_UNSPACED_FACTOR  8    /* … one of a script without spaces, … */
#define TRANSLATE_ANSWER_EXTRA     60   /* … and so many code points more is no translation */
#define TRANSLATE_ECHO_WORDS       4    /* words from which an unchanged text counts as an echo */
#define TRANSLATE_ECHO_PERCENT     85   /* of a longer text's words, unchanged and in order */
#define TRANSLATE_FOREIGN_LETTERS  10   /* letters from which another script counts */
#define TRANSLATE_CUT_WORDS        15   /* a text of so many words … */
#define TRANSLATE_CUT_PERCENT      20   /* … has not been translated whole in fewer than these */
#define TRANSLATE_HEAD_BYTES       96   /* of an answer, in which talk begins */
#define TRANSLATE_CACHE_TEXT_BYTES 1024 /* texts past this are not cached */
