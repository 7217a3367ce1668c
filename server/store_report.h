/*
 * The store's part of /metrics.
 *
 * Threads: any.
 */
#pragma once

struct buf;
struct store;

/* Appends Prometheus text. */
void store_report_write(struct store *store, struct buf *out);
