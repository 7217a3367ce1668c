/*
 * Everyday Spanish for everyday words. Where Apertium's dictionary has several translations its
 * first is often the rare one (market: lonja before mercado), and some words lack the usual one.
 *
 * Threads: pure functions, any thread. Memory: owns nothing.
 */
#pragma once

#include "base/buf.h"

/* Appends the bilingual stream (English readings with Spanish translations) with those put first
 * that people say, or as it is where that cannot be. */
int apertium_choice_make(const char *text, size_t len, struct buf *out);
