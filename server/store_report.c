#include "server/store_report.h"

#include "server/metrics.h"
#include "server/store.h"

void store_report_write(struct store *store, struct buf *out)
{
    struct store_stats stats;
    store_stats(store, &stats);
    const struct {
        const char *name, *help;
        double value;
    } gauges[] =
        {
            {"sotto_store_durable", "1: what is sent was stored in a file; 0: in memory only",
             store_durable(store)},
            {"sotto_store_failing", "1: the disk takes no writes, they are kept in memory",
             stats.failing},
            {"sotto_store_backlog_bytes", "kept in memory until the disk takes writes again",
             (double)stats.backlog_bytes},
            {"sotto_store_queued", "writes and reads waiting for the store's thread",
             (double)stats.queued},
            {"sotto_store_file_bytes", "the file and its log", (double)stats.file_bytes},
            {"sotto_store_commit_seconds", "how long the last commit took",
             (double)stats.commit_last_us / 1e6},
            {"sotto_store_commit_max_seconds", "the longest a commit took",
             (double)stats.commit_max_us / 1e6},
        },
      counters[] = {
          {"sotto_store_writes_total", "writes that are stored", (double)stats.writes},
          {"sotto_store_commits_total", "transactions; each holds what had queued",
           (double)stats.commits},
          {"sotto_store_failures_total", "transactions that the disk refused",
           (double)stats.failed_commits},
          {"sotto_store_dropped_total", "writes that a full backlog lost", (double)stats.dropped},
          {"sotto_store_fenced_total", "writes refused because another process owns the session",
           (double)stats.fenced},
          {"sotto_store_claims_total", "sessions taken over from the store", (double)stats.claims},
          {"sotto_store_claims_refused_total", "of which the token or the session was not good",
           (double)stats.claims_refused},
      };
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++)
        metrics_gauge(out, gauges[i].name, gauges[i].help, gauges[i].value);
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        metrics_counter(out, counters[i].name, counters[i].help, (uint64_t)counters[i].value);
}
