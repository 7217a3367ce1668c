/* What the files of the HTTP endpoints' worker side share (server/http_work.h). */
#pragma once

#include "server/http_work.h"
#include "server/store_query.h"

/* --- steps of an answer --- */

/* 404, for what is not there and for what the bearer must not know of alike. */
void http__not_found(struct http_work *work);
void http__forbidden(struct http_work *work);
/* Something of ours went wrong. */
void http__failed(struct http_work *work, int status);
/* The answer begins; its body follows in work->out. */
void http__head(struct http_work *work, int status, const char *type);
/* It is complete. */
void http__done(struct http_work *work);
/* It goes on with the store's answer to `query`. */
void http__ask(struct http_work *work, const struct store_query *query);
bool http__may_read(const struct token_claims *claims, const struct store_about *about);

/* --- the endpoints: what is asked first, and what is made of a page --- */

void http__transcript_begin(struct http_work *work);
void http__transcript_page(struct http_work *work);
void http__export_begin(struct http_work *work);
void http__export_page(struct http_work *work);
void http__sessions_begin(struct http_work *work);
void http__sessions_page(struct http_work *work);
void http__session_begin(struct http_work *work);
void http__session_page(struct http_work *work);
/* The errand of a DELETE. */
void http__session_forget(struct http_work *work);
void http__tokens(struct http_work *work);
