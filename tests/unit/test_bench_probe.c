/* Texts of /proc and /metrics, and a probe that watches this very process. */
#include "bench/probe.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "bench/probe_proc.h"
#include "tests/check.h"
#include <arpa/inet.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-9;
}

static void samples_by_name(void)
{
    static const char text[] = "# HELP a_total a 9\n# TYPE a_total counter\na_total 12\n"
                               "a_total_more 5\nb{x=\"1\"} 2.5\nb{x=\"}\\\" 7\",y=\"\"} 4\n\nc 1e3";
    double value = -1;
    CHECK(probe_metric(text, "a_total", &value) && near(value, 12));
    CHECK(probe_metric(text, "b{x=\"1\"}", &value) && near(value, 2.5));
    CHECK(probe_metric(text, "c", &value) && near(value, 1000));
    CHECK(!probe_metric(text, "b", &value));
    CHECK(!probe_metric(text, "a", &value));
    CHECK(!probe_metric("", "a", &value));
    CHECK(near(value, 1000));
    CHECK(near(probe_metric_total(text, "b"), 6.5));
    CHECK(near(probe_metric_total(text, "a_total"), 12));
    CHECK(near(probe_metric_total(text, "nothing"), 0));
}

static void the_busiest_label(void)
{
    static const char before[] = "busy{loop=\"a\"} 10\nbusy{loop=\"b\"} 1\n";
    static const char after[] = "busy{loop=\"a\"} 12\nbusy{loop=\"b\"} 6\nbusy{loop=\"c\"} 3\n";
    CHECK(near(probe_metric_label_max(before, after, "busy"), 5));
    CHECK(near(probe_metric_label_max(after, after, "busy"), 0));
}

static void a_histogram_of_the_window(void)
{
    static const char before[] =
        "lag_bucket{loop=\"a\",le=\"0.001\"} 50\n"
        "lag_bucket{loop=\"a\",le=\"0.002\"} 50\n"
        "lag_bucket{loop=\"a\",le=\"+Inf\"} 50\nlag_count{loop=\"a\"} 50\n";
    static const char after[] = "lag_bucket{loop=\"a\",le=\"0.001\"} 90\n"
                                "lag_bucket{loop=\"a\",le=\"0.002\"} 110\n"
                                "lag_bucket{loop=\"a\",le=\"+Inf\"} 110\n"
                                "lag_bucket{loop=\"b\",le=\"0.001\"} 10\n"
                                "lag_bucket{loop=\"b\",le=\"0.002\"} 30\n"
                                "lag_bucket{loop=\"b\",le=\"+Inf\"} 40\n";
    struct probe_hist hist;
    probe_metric_hist(before, after, "lag", &hist);
    /* 50 below 1 ms, 40 below 2 ms, 10 above. */
    CHECK(hist.present);
    CHECK_EQ(hist.count, 100);
    CHECK(near(hist.p50, 0.001));
    CHECK(near(hist.p90, 0.002));
    CHECK(near(hist.p99, 0.002));
    probe_metric_hist("", after, "lag", &hist);
    CHECK_EQ(hist.count, 150);
    CHECK(near(hist.p50, 0.00075));
    probe_metric_hist(after, after, "lag", &hist);
    CHECK(hist.present && hist.count == 0 && near(hist.p999, 0));
    probe_metric_hist(before, "lag{quantile=\"0.5\"} 1\n", "lag", &hist);
    CHECK(!hist.present);
}

/* Text that is cut or strange is passed over. */
static void strange_metrics(void)
{
    static const char whole[] =
        "a{b=\"\\\\\",le=\"1\"} 3\nlag_bucket{le=\"0.5\"} 4\n#\n{} 3\nx\ny{";
    double value;
    for (size_t len = 0; len < sizeof whole; len++) {
        char *cut = malloc(len + 1);
        struct probe_hist hist;
        memcpy(cut, whole, len);
        cut[len] = '\0';
        probe_metric(cut, "y", &value);
        probe_metric_total(cut, "a");
        probe_metric_hist(cut, cut, "lag", &hist);
        CHECK_EQ(hist.count, 0);
        free(cut);
    }
    CHECK(probe_metric(whole, "a{b=\"\\\\\",le=\"1\"}", &value) && near(value, 3));
    struct probe_hist hist;
    probe_metric_hist("", "lag_bucket{le=\"1\"} Inf\n", "lag", &hist);
    CHECK(hist.present && hist.count == 0);
}

static void texts_of_proc(void)
{
    struct probe_proc proc = {0};
    CHECK(
        probe_proc_stat("12 (a) b (c) S 1 2 3 0 -1 4194560 10 11 12 13 1234 567 0 0 20 0", &proc));
    CHECK_EQ(proc.user_ticks, 1234);
    CHECK_EQ(proc.system_ticks, 567);
    CHECK(!probe_proc_stat("12 (a) S 1 2", &proc));
    CHECK(!probe_proc_stat("", &proc));
    static const char status[] = "Name:\tx\nVmRSS:\t   1234 kB\nThreads:\t7\n"
                                 "voluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t6\n";
    CHECK_EQ(probe_proc_status(status, "VmRSS"), 1234);
    CHECK_EQ(probe_proc_status(status, "voluntary_ctxt_switches"), 5);
    CHECK_EQ(probe_proc_status(status, "nonvoluntary_ctxt_switches"), 6);
    CHECK_EQ(probe_proc_status(status, "Vm"), 0);
}

static void cores_of_proc_stat(void)
{
    static const char text[] =
        "cpu  10 20 30 40 50 60 70 80 90 100\n"
        "cpu0 1 2 3 400 5 6 7 8 9 10\ncpu2 1 1 1 1 1 1 1 1 1 1\nintr 1 2 3\n";
    struct probe_cpu cpus[4];
    CHECK_EQ(probe_cpus_parse(text, cpus, 4), 3);
    CHECK_EQ(cpus[0].busy, 1 + 2 + 3 + 6 + 7);
    CHECK_EQ(cpus[0].stolen, 8);
    CHECK_EQ(cpus[0].total, 1 + 2 + 3 + 400 + 5 + 6 + 7 + 8);
    CHECK_EQ(cpus[1].total, 0);
    CHECK_EQ(cpus[2].total, 8);
    CHECK_EQ(probe_cpus_parse(text, cpus, 1), 1);
}

static void this_process(void)
{
    struct probe_proc proc = {0}, none = {0};
    CHECK(probe_proc_read(getpid(), &proc));
    probe_proc_switches(getpid(), &proc);
    CHECK(proc.cpu_ns > 0);
    CHECK(proc.rss_bytes > 100000);
    CHECK(proc.threads >= 1);
    CHECK(proc.switches_voluntary + proc.switches_forced > 0);
    uint64_t before = probe_proc_descriptors(getpid());
    int fd = dup(0);
    CHECK(before >= 3);
    CHECK_EQ(probe_proc_descriptors(getpid()), before + 1);
    close(fd);
    CHECK(!probe_proc_read(0x7ffffff, &none));
    struct probe_cpu cpus[PROBE_CPUS_MAX];
    CHECK(probe_cpus_read(cpus, PROBE_CPUS_MAX) >= 1);
}

/* A server of /metrics: each answer has one request more. */
struct server {
    int fd;
    unsigned port;
    atomic_uint answers;
    atomic_bool broken; /* answers 500 */
    pthread_t thread;
};

static void server_answer(struct server *server, int fd)
{
    char in[2048], body[512], out[1024];
    if (recv(fd, in, sizeof in, 0) <= 0)
        return;
    unsigned n = atomic_fetch_add(&server->answers, 1) + 1;
    int len = snprintf(body, sizeof body,
                       "sotto_loop_backend{backend=\"io_uring\",reason=\"\"} 1\n"
                       "sotto_pool_sent_total %u\nsotto_pool_tokens_in_total %u\n"
                       "sotto_pool_tokens_out_total 5\n"
                       "sotto_loop_lag_seconds_bucket{loop=\"front-0\",le=\"0.001\"} %u\n"
                       "sotto_loop_lag_seconds_bucket{loop=\"front-0\",le=\"+Inf\"} %u\n",
                       n, n * 100, n, n);
    len = snprintf(out, sizeof out,
                   "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
                   atomic_load(&server->broken) ? "500 No" : "200 OK", len, body);
    CHECK(send(fd, out, (size_t)len, MSG_NOSIGNAL) == len);
}

static void *server_run(void *ctx)
{
    struct server *server = ctx;
    int fd;
    while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
        server_answer(server, fd);
        close(fd);
    }
    return NULL;
}

static void server_open(struct server *server)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    *server = (struct server){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    CHECK_EQ(bind(server->fd, (struct sockaddr *)&at, len), 0);
    CHECK_EQ(listen(server->fd, 16), 0);
    CHECK_EQ(getsockname(server->fd, (struct sockaddr *)&at, &len), 0);
    server->port = ntohs(at.sin_port);
    CHECK_EQ(thread_start(&server->thread, "server", server_run, server), STATUS_OK);
}

static void server_close(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
}

static struct probe_config config_of(const struct server *server)
{
    return (struct probe_config){.host = "127.0.0.1",
                                 .port = server->port,
                                 .server_pid = getpid(),
                                 .server_cpu = -1,
                                 .bench_cpu = -1,
                                 .every_ms = 5};
}

/* Works until the server has given so many answers, at most 5 s. */
static void work_until(struct server *server, unsigned answers)
{
    int64_t until_us = clock_mono_us() + 5000000;
    while (atomic_load(&server->answers) < answers && clock_mono_us() < until_us)
        ;
    CHECK(atomic_load(&server->answers) >= answers);
}

static void a_window_is_measured(void)
{
    struct server server;
    struct probe *probe = NULL;
    struct probe_sum sum;
    server_open(&server);
    struct probe_config config = config_of(&server);
    CHECK_EQ(probe_open(&probe, &config), STATUS_OK);
    probe_begin(probe);
    int64_t start_us = clock_mono_us();
    work_until(&server, atomic_load(&server.answers) + 8);
    double seconds = (double)(clock_mono_us() - start_us) / 1e6;
    probe_end(probe);
    probe_close(probe, &sum);
    server_close(&server);
    CHECK(sum.seconds >= seconds && sum.seconds < seconds + 1);
    CHECK(sum.samples >= 8 && sum.samples_missed == 0);
    /* It worked all the time, as far as the machine let it. */
    CHECK(sum.server.cpu_s > 0 && sum.server.cpu_s < (sum.seconds + 0.1) * 4);
    /* Both are this process. */
    CHECK(sum.bench.cpu_s > 0 && fabs(sum.bench.cpu_s - sum.server.cpu_s) < 0.1);
    CHECK(sum.server.rss_peak >= sum.server.rss_end && sum.server.rss_idle > 0);
    CHECK(sum.server.descriptors_peak >= 4);
    CHECK(sum.server.threads >= 3);
    CHECK_EQ(sum.sim.rss_peak, 0);
    CHECK(sum.requests >= 6 && sum.requests <= sum.samples);
    CHECK_EQ(sum.tokens_in, sum.requests * 100);
    CHECK_EQ(sum.tokens_out, 0);
    CHECK_EQ(sum.loop_lag.count, sum.requests);
    CHECK(sum.loop_lag.present && !sum.handover.present);
    CHECK(sum.io_uring);
    CHECK(sum.bench_core_busy > 0);
}

/* The last good answer stands for those that are missing. */
static void missed_samples_are_counted(void)
{
    struct server server;
    struct probe *probe = NULL;
    struct probe_sum sum;
    server_open(&server);
    struct probe_config config = config_of(&server);
    CHECK_EQ(probe_open(&probe, &config), STATUS_OK);
    probe_begin(probe);
    work_until(&server, atomic_load(&server.answers) + 4);
    atomic_store(&server.broken, true);
    work_until(&server, atomic_load(&server.answers) + 4);
    probe_close(probe, &sum);
    server_close(&server);
    CHECK(sum.samples_missed >= 2);
    CHECK(sum.requests >= 2);
    CHECK(sum.seconds > 0);
}

static void without_a_window(void)
{
    struct server server;
    struct probe *probe = NULL;
    struct probe_sum sum;
    server_open(&server);
    struct probe_config config = config_of(&server);
    CHECK_EQ(probe_open(&probe, &config), STATUS_OK);
    probe_close(probe, &sum);
    CHECK(near(sum.seconds, 0));
    CHECK_EQ(sum.server.rss_peak, 0);
    /* Nobody listens any more. */
    server_close(&server);
    CHECK_EQ(probe_open(&probe, &config), STATUS_IO);
}

int main(void)
{
    RUN(samples_by_name);
    RUN(the_busiest_label);
    RUN(a_histogram_of_the_window);
    RUN(strange_metrics);
    RUN(texts_of_proc);
    RUN(cores_of_proc_stat);
    RUN(this_process);
    RUN(a_window_is_measured);
    RUN(missed_samples_are_counted);
    RUN(without_a_window);
    return check_done();
}
