/* The bounds of grammar, with units. */
#pragma once

#define GRAMMAR_FIRST_WORDS       3       /* words of a segment before its first partial is asked */
#define GRAMMAR_LANG_BYTES_MAX    35      /* of a BCP-47 tag in a prompt (RFC 5646, 4.4.1) */
#define GRAMMAR_PROMPT_BYTES_MAX  4096    /* of the system prompt */
#define GRAMMAR_TOKENS_MIN        256     /* least allowance for an answer, edits included */
#define GRAMMAR_TOKENS_FACTOR     4       /* answer tokens allowed for one of the source */
#define GRAMMAR_ANSWER_BYTES_MAX  32768   /* of an answer's JSON */
#define GRAMMAR_EDITS_MAX         64      /* edits of an answer; with more it is refused */
#define GRAMMAR_MESSAGE_BYTES_MAX 400     /* of an explanation; longer ones are cut */
#define GRAMMAR_DIFF_CELLS_MAX    1048576 /* of the diff's table; past it the middle is one edit */
#define GRAMMAR_INSERT_WORDS      4    /* words an edit may add; more are none of the learner's */
#define GRAMMAR_KEPT_WORDS        3    /* of so many words or more one must be kept */
#define GRAMMAR_REWRITE_WORDS     3    /* a correction that changes more words than this … */
#define GRAMMAR_TOLD_WORDS        6    /* … or, of one whose edits are all told, than this … */
#define GRAMMAR_REWRITE_PERCENT   60   /* … and more than this share of them is a rewrite */
#define GRAMMAR_CACHE_TEXT_BYTES  1024 /* texts past this are not cached */
