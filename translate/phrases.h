/*
 * How models talk when they do not translate, and what in a source makes the same words a
 * translation. Only judge.c includes it.
 *
 * All in the form of utf8_fold_word(): small letters, no punctuation. Texts are matched with a
 * space before and behind them, so " ai " is a word, " translat" a word's beginning, and what has
 * no space, as in scripts written without, may stand anywhere. Lists end with NULL.
 */
#pragma once

/* Languages the lists below know: as a source, its excuses; as a target, its nouns. */
extern const char *const phrases_known[];

/* Beginnings of talk about translating. Excused by a source that speaks of it. */
extern const char *const phrases_translating[];
extern const char *const stems_translating[];

/* Beginnings of talk about being a machine. Excused by a source that speaks of such. */
extern const char *const phrases_machine[];
extern const char *const stems_machine[];

/* Beginnings of refusals to help. Excused by a source that speaks of help. */
extern const char *const phrases_helpless[];
extern const char *const stems_help[];

/* An apology at the beginning and an inability behind it. Excused by a source that is sorry. */
extern const char *const phrases_sorry[];
extern const char *const phrases_unable[];
extern const char *const stems_sorry[];

/* Beginnings of an obliging reply. Excused by a source that is as obliging. */
extern const char *const phrases_obliging[];
extern const char *const stems_obliging[];

/* Orders to a machine to forget its orders: one of each in a source. A translation of it has one of
 * the latter, of whatever language. */
extern const char *const stems_forget[];
extern const char *const stems_orders[];
/* Orders not to translate: one of these beside one of stems_translating in a source. */
extern const char *const stems_not[];

/* Words no sentence goes without: a list of names of things may be the same in another language, a
 * sentence is not. */
extern const char *const words_of_sentences[];
