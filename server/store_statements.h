/*
 * The store's SQL: the steps that made its schema, and every statement that is kept prepared.
 *
 * A step once released is never changed; a new version appends one. Steps only add, because a
 * server of the older version may still write while a rolling restart migrates.
 */
#pragma once

#define STORE_APPLICATION_ID 0x536f7474 /* "Sott", at byte 68 of the file */

#define STORE_STEPS_MAP(X)                                                                         \
    /* 1: sessions and what was said. `key` grows with the time of the beginning. */               \
    X("CREATE TABLE sessions ("                                                                    \
      " key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, class TEXT NOT NULL,"                    \
      " name TEXT NOT NULL, subject TEXT NOT NULL, source TEXT NOT NULL, rate INTEGER NOT NULL,"   \
      " settings TEXT NOT NULL, usage TEXT NOT NULL DEFAULT '', started_us INTEGER NOT NULL,"      \
      " ended_us INTEGER, end_reason TEXT NOT NULL DEFAULT '', owner_epoch INTEGER NOT NULL,"      \
      " epoch INTEGER NOT NULL DEFAULT 1, token BLOB NOT NULL, next_token BLOB) STRICT;"           \
      "CREATE INDEX sessions_class ON sessions(class);"                                            \
      "CREATE INDEX sessions_subject ON sessions(subject);"                                        \
      "CREATE INDEX sessions_started ON sessions(started_us);"                                     \
      "CREATE TABLE messages ("                                                                    \
      " session INTEGER NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL,"                    \
      " segment INTEGER NOT NULL, lang TEXT NOT NULL, body TEXT NOT NULL,"                         \
      " wall_us INTEGER NOT NULL, settled INTEGER NOT NULL, exact INTEGER NOT NULL,"               \
      " PRIMARY KEY (session, seq)) STRICT, WITHOUT ROWID;")                                       \
    /* 2: who writes: a process that is silent for long has left its sessions. */                  \
    X("CREATE TABLE owners (key INTEGER PRIMARY KEY, beat_us INTEGER NOT NULL) STRICT;"            \
      "ALTER TABLE sessions ADD COLUMN owner INTEGER NOT NULL DEFAULT 0;"                          \
      "CREATE INDEX sessions_open ON sessions(owner) WHERE ended_us IS NULL;")                     \
    /* 3: usage so far stands with a message: one page less for each final. */                     \
    X("ALTER TABLE messages ADD COLUMN usage TEXT;")                                               \
    /* 4: messages lie in the order in which they came, with a small index beside them. Lying by   \
     * session, each commit rewrote two pages a message. It replaces a table, before a release. */ \
    X("ALTER TABLE messages RENAME TO messages_3;"                                                 \
      "CREATE TABLE messages ("                                                                    \
      " key INTEGER PRIMARY KEY, session INTEGER NOT NULL, seq INTEGER NOT NULL,"                  \
      " kind INTEGER NOT NULL, segment INTEGER NOT NULL, lang TEXT NOT NULL, body TEXT NOT NULL,"  \
      " wall_us INTEGER NOT NULL, settled INTEGER NOT NULL, exact INTEGER NOT NULL,"               \
      " usage TEXT) STRICT;"                                                                       \
      "INSERT INTO messages (session, seq, kind, segment, lang, body, wall_us, settled, exact,"    \
      " usage) SELECT session, seq, kind, segment, lang, body, wall_us, settled, exact, usage"     \
      " FROM messages_3 ORDER BY wall_us;"                                                         \
      "DROP TABLE messages_3;"                                                                     \
      "CREATE UNIQUE INDEX messages_session ON messages(session, seq);")                           \
    /* 5: the count of mistakes goes on after a restart. */                                        \
    X("ALTER TABLE messages ADD COLUMN mistakes INTEGER;")

#define STORE_STATEMENTS_MAP(X)                                                                    \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(FENCE, "SELECT key FROM sessions WHERE id = ?1 AND owner_epoch = ?2")                        \
    X(KEY, "SELECT key FROM sessions WHERE id = ?1")                                               \
    X(START, "INSERT INTO sessions (id, owner_epoch, owner, class, name, subject, source, rate, "  \
             "settings,"                                                                           \
             " started_us, token) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"           \
             " ON CONFLICT (id) DO NOTHING")                                                       \
    X(SETTINGS, "UPDATE sessions SET settings = ?2 WHERE key = ?1")                                \
    X(TOKENS, "UPDATE sessions SET token = ?2, next_token = ?3 WHERE key = ?1")                    \
    X(END, "UPDATE sessions SET ended_us = ?2, end_reason = ?3, usage = coalesce(?4, usage)"       \
           " WHERE key = ?1")                                                                      \
    X(PUT,                                                                                         \
      "INSERT INTO messages (session, seq, kind, segment, lang, body, wall_us, settled, exact,"    \
      " usage, mistakes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"                    \
      " ON CONFLICT DO NOTHING")                                                                   \
    X(TRIM, "DELETE FROM messages WHERE session = ?1 AND seq <= ?2")                               \
    X(REPLAY, "SELECT seq, kind, segment, lang, body, wall_us FROM messages"                       \
              " WHERE session = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3")                            \
    X(CLAIMABLE,                                                                                   \
      "SELECT key, token, next_token, owner_epoch, epoch, class, name, subject, source, settings," \
      " " STORE_USAGE ", rate, started_us, end_reason FROM sessions WHERE id = ?1"                 \
      " AND (ended_us IS NULL OR ended_us > ?2)")                                                  \
    X(CLAIM,                                                                                       \
      "UPDATE sessions SET owner_epoch = ?2, epoch = ?3, owner = ?4, token = ?5, next_token = ?6"  \
      " WHERE key = ?1")                                                                           \
    X(SEQ, "SELECT seq, mistakes FROM messages WHERE session = ?1 ORDER BY seq DESC LIMIT 1")      \
    X(SETTLED, "SELECT settled, exact FROM messages WHERE session = ?1 AND kind = 1"               \
               " ORDER BY seq DESC LIMIT 1")                                                       \
    X(NEWEST,                                                                                      \
      "SELECT kind, lang, max(segment) FROM"                                                       \
      " (SELECT kind, lang, segment FROM messages WHERE session = ?1 ORDER BY seq DESC LIMIT ?2)"  \
      " GROUP BY kind, lang ORDER BY max(segment) DESC LIMIT ?3")                                  \
    X(TRANSCRIPTS, "SELECT seq, kind, segment, lang, body, wall_us FROM messages"                  \
                   " WHERE session = ?1 AND kind = 1 ORDER BY seq DESC LIMIT ?2")                  \
    /* A note may be far from its segment. */                                                      \
    X(SEGMENTS,                                                                                    \
      "SELECT seq, kind, segment, lang, body, wall_us FROM messages"                               \
      " WHERE session = ?1 AND segment < ?2 AND segment >= (SELECT coalesce(min(segment), ?2)"     \
      " FROM (SELECT segment FROM messages WHERE session = ?1 AND kind = 1 AND segment < ?2"       \
      " ORDER BY seq DESC LIMIT ?3)) ORDER BY segment DESC, seq")                                  \
    X(ABOUT, STORE_ABOUT_COLUMNS " WHERE id = ?1")                                                 \
    X(LIST, STORE_ABOUT_COLUMNS " WHERE key < ?1 ORDER BY key DESC LIMIT ?2")                      \
    X(LIST_CLASS, STORE_ABOUT_COLUMNS " WHERE class = ?3 AND key < ?1 ORDER BY key DESC LIMIT ?2") \
    X(LIST_SUBJECT,                                                                                \
      STORE_ABOUT_COLUMNS " WHERE subject = ?4 AND (?3 IS NULL OR +class = ?3) AND key < ?1"       \
                          " ORDER BY key DESC LIMIT ?2")                                           \
    X(BEAT, "INSERT INTO owners (key, beat_us) VALUES (?1, ?2)"                                    \
            " ON CONFLICT (key) DO UPDATE SET beat_us = ?2")                                       \
    X(ABANDONED, "UPDATE sessions SET ended_us = ?1, end_reason = 'abandoned', token = x'',"       \
                 " next_token = NULL WHERE ended_us IS NULL"                                       \
                 " AND owner NOT IN (SELECT key FROM owners WHERE beat_us > ?2)")                  \
    X(OWNERS, "DELETE FROM owners WHERE beat_us <= ?1")                                            \
    X(EXPIRED, "SELECT key FROM sessions WHERE started_us < ?1 AND ended_us IS NOT NULL"           \
               " ORDER BY started_us LIMIT 1")                                                     \
    X(OF_CLASS, "SELECT key FROM sessions WHERE class = ?1 LIMIT 1")                               \
    X(FORGET_MESSAGES, "DELETE FROM messages WHERE session = ?1")                                  \
    X(FORGET_SESSION, "DELETE FROM sessions WHERE key = ?1")

/* What was told last: at the end, or with a message. */
#define STORE_USAGE                                                                                \
    "CASE WHEN ended_us IS NOT NULL AND usage <> '' THEN usage ELSE coalesce("                     \
    "(SELECT said.usage FROM messages AS said WHERE said.session = sessions.key"                   \
    " AND said.usage IS NOT NULL ORDER BY said.seq DESC LIMIT 1), usage) END"

/* Transcripts come in the order of segments, so the newest one's number is their count. */
#define STORE_ABOUT_COLUMNS                                                                        \
    "SELECT key, id, class, name, subject, source, settings, " STORE_USAGE                         \
    ", end_reason, rate, started_us,"                                                              \
    " coalesce(ended_us, 0),"                                                                      \
    " (SELECT coalesce(max(seq), 0) FROM messages WHERE session = sessions.key),"                  \
    " coalesce((SELECT segment FROM messages WHERE session = sessions.key AND kind = 1"            \
    "  ORDER BY seq DESC LIMIT 1), 0) FROM sessions"
