/*
 * Which reading of an English word is meant: Apertium's tagger sees two words at a time and takes
 * "my father works" for works of a father; the parse of the whole sentence says that works is a
 * verb. Drops the readings the parse excludes, and puts "can you", "is there" in the order of a
 * statement, which is how Spanish asks.
 *
 * Threads: one at a time for a parser. Memory: owns nothing.
 */
#pragma once

#include "base/buf.h"
#include "local/linkgrammar.h"

/* Appends the stream (analysed English) thinned out, or as it is where that cannot be. */
int apertium_readings_thin(struct link_grammar *parser, const char *text, size_t len,
                           struct buf *out);
