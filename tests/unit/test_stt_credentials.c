#include "stt/credentials.h"

#include "tests/upstream/speech_rig.h"
#include "tests/upstream/test_cert.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <unistd.h>

static void test_target_loopback(void)
{
    static const char *const yes[] = {"127.0.0.1:1", "127.255.0.9:65535", "localhost:50051",
                                      "[::1]:443"};
    static const char *const no[] = {"127.0.0.1",          "127.0.0.1:",
                                     "127.0.0.1:0",        "10.0.0.1:1",
                                     "speech.example:443", "localhost.example:1",
                                     "[::2]:443",          "::1:443",
                                     "127.0.0.1:65536",    "127.1:80",
                                     "x127.0.0.1:80",      "127.0.0.1:8o",
                                     "dns:///127.0.0.1:80"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        CHECK(stt__target_loopback(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        CHECK(!stt__target_loopback(no[i]));
}

static void test_config_refused(void)
{
    struct rig rig = {.target = "127.0.0.1:9"};
    const struct stt_client_config good = client_config(&rig);
    struct stt_client_config bad[10];
    for (size_t i = 0; i < 10; i++)
        bad[i] = good;
    bad[0].target = "203.0.113.1:443"; /* plaintext past loopback */
    bad[1].target = "";
    bad[2].target = NULL;
    bad[3].channels_max = 0;
    bad[4].streams_per_channel = STT_STREAMS_MAX + 1;
    bad[5].credentials = "/nonexistent/token";
    bad[6].credentials = "google"; /* needs TLS */
    bad[7].plaintext = false;
    bad[7].ca_file = "/nonexistent/ca.pem";
    bad[8].quota_project = "a\nb";
    bad[9].plaintext = false;
    bad[9].credentials = "google";
    bad[9].ca_file = "/etc/ssl/certs/ca-certificates.crt"; /* its roots are its own */
    for (size_t i = 0; i < 10; i++) {
        struct stt_client *client = NULL;
        CHECK_EQ(stt_client_create(&client, &(struct stt_providers){&bad[i], 1}, on_event, &rig),
                 STATUS_INVALID);
        CHECK(client == NULL);
    }
}

static void file_write(char path[32], const char *text)
{
    if (path[0] == '\0') {
        snprintf(path, 32, "/tmp/sotto-test-XXXXXX");
        close(mkstemp(path));
    }
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0);
    fclose(file);
}

static void test_tls(void)
{
    static struct test_cert cert, other;
    test_cert_make(&cert);
    test_cert_make(&other);
    char ca_file[32] = "", other_file[32] = "";
    file_write(ca_file, cert.cert_pem);
    file_write(other_file, other.cert_pem);
    struct rig rig;
    rig_start(&rig,
              &(struct speech_server_config){.cert_pem = cert.cert_pem, .key_pem = cert.key_pem});
    struct stt_client_config config = client_config(&rig);
    config.plaintext = false;
    config.ca_file = ca_file;
    config.quota_project = "billing-1";
    rig_connect(&rig, &config);
    struct tally tally = run_call(&rig, 1, 1, 20);
    CHECK_EQ(tally.status, 0);
    CHECK_EQ(tally.sent, 20);
    char project[64];
    speech_server_metadata(rig.server, "x-goog-user-project", project, sizeof project);
    CHECK_STR(project, "billing-1");
    stt_client_destroy(rig.client);

    config.ca_file = other_file;
    rig_connect(&rig, &config);
    open_call(&rig, 1, 2);
    expect_closed(&rig, 1, 2, GRPC_STATUS_UNAVAILABLE, NULL);
    rig_down(&rig);
    unlink(ca_file);
    unlink(other_file);
}

static void expect_why(const struct stt_client_config *config, const char *part)
{
    struct stt_credentials credentials;
    const char *why = NULL;
    CHECK_EQ(stt_credentials_init(&credentials, config, &why), STATUS_INVALID);
    if (why == NULL || strstr(why, part) == NULL)
        fprintf(stderr, "\"%s\" is not in \"%s\"\n", part, why != NULL ? why : "");
    CHECK(why != NULL && strstr(why, part) != NULL);
}

/* Each mistake has words of its own. */
static void test_reasons(void)
{
    grpc_init();
    char path[32] = "";
    file_write(path, "two words");
    struct rig rig = {.target = "127.0.0.1:9"};
    struct stt_client_config config = client_config(&rig);
    config.credentials = path;
    expect_why(&config, "neither a token nor a JSON key");
    file_write(path, "");
    expect_why(&config, "is empty");
    config.credentials = "/nonexistent/token";
    expect_why(&config, "not a readable file");
    config.credentials = path;
    file_write(path, "{\"type\": \"service_account\"}");
    expect_why(&config, "needs TLS");
    config.plaintext = false;
    expect_why(&config, "no key of a service account");
    file_write(path, "{ not JSON");
    expect_why(&config, "no key of a service account");
    config.api_key = "key";
    expect_why(&config, "both set");
    config.credentials = NULL;
    config.api_key = "two words";
    expect_why(&config, "api_key holds");
    config.api_key = NULL;
    config.ca_file = path;
    expect_why(&config, "PEM");
    config.ca_file = NULL;
    config.plaintext = true;
    config.target = "203.0.113.1:443";
    expect_why(&config, "loopback");
    unlink(path);
    grpc_shutdown();
}

static void test_api_key(void)
{
    struct rig rig;
    rig_start(&rig, &(struct speech_server_config){0});
    struct stt_client_config config = client_config(&rig);
    config.api_key = "AIza-1";
    rig_connect(&rig, &config);
    CHECK_EQ(run_call(&rig, 1, 1, 1).status, GRPC_STATUS_OK);
    char value[64];
    speech_server_metadata(rig.server, "x-goog-api-key", value, sizeof value);
    CHECK_STR(value, "AIza-1");
    rig_down(&rig);
}

/* `text` as a JSON string. */
static void put_json(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++)
        fputs(*text == '\n' ? "\\n" : (char[]){*text, '\0'}, out);
    fputc('"', out);
}

static void service_account_write(const char *path)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    CHECK(key != NULL && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    char pem[4096] = "";
    BIO_read(bio, pem, sizeof pem - 1);
    FILE *out = fopen(path, "w");
    fputs("{\"type\": \"service_account\", \"client_id\": \"1\", \"private_key_id\": \"k\", "
          "\"client_email\": \"speaker@p.iam.gserviceaccount.com\", \"private_key\": ",
          out);
    put_json(out, pem);
    fputs("}\n", out);
    fclose(out);
    BIO_free(bio);
    EVP_PKEY_free(key);
}

/* A service account signs for itself, with no other server asked. */
static void test_service_account(void)
{
    static struct test_cert cert;
    test_cert_make(&cert);
    char ca_file[32] = "", path[32] = "";
    file_write(ca_file, cert.cert_pem);
    file_write(path, "");
    service_account_write(path);
    struct rig rig;
    rig_start(&rig,
              &(struct speech_server_config){.cert_pem = cert.cert_pem, .key_pem = cert.key_pem});
    struct stt_client_config config = client_config(&rig);
    config.plaintext = false;
    config.ca_file = ca_file;
    config.credentials = path;
    rig_connect(&rig, &config);
    CHECK_EQ(run_call(&rig, 1, 1, 2).status, GRPC_STATUS_OK);
    char token[64];
    speech_server_metadata(rig.server, "authorization", token, sizeof token);
    CHECK(strncmp(token, "Bearer eyJ", 10) == 0); /* {" in base64: the JWT's header */
    rig_down(&rig);
    unlink(ca_file);
    unlink(path);
}

/* Whatever a call may have to say of itself, at once. */
static void test_metadata(void)
{
    char path[32] = "";
    file_write(path, "secret");
    struct rig rig;
    rig_start(&rig, &(struct speech_server_config){.token = "secret"});
    struct stt_client_config config = client_config(&rig);
    config.credentials = path;
    config.quota_project = "billing-1";
    config.request_params = "recognizer=projects%2Fp";
    rig_connect(&rig, &config);
    CHECK_EQ(run_call(&rig, 1, 1, 1).status, GRPC_STATUS_OK);
    char value[64];
    speech_server_metadata(rig.server, "x-goog-user-project", value, sizeof value);
    CHECK_STR(value, "billing-1");
    speech_server_metadata(rig.server, "x-goog-request-params", value, sizeof value);
    CHECK_STR(value, "recognizer=projects%2Fp");
    rig_down(&rig);
    unlink(path);
}

/* A token that was replaced in its file costs one attempt, one that was not is refused for good. */
static void test_token(void)
{
    char path[32] = "";
    file_write(path, "  old\n");
    struct rig rig;
    rig_start(&rig, &(struct speech_server_config){.token = "old"});
    struct stt_client_config config = client_config(&rig);
    config.credentials = path;
    rig_connect(&rig, &config);
    CHECK_EQ(run_call(&rig, 1, 1, 1).status, GRPC_STATUS_OK);
    speech_server_script(rig.server, &(struct speech_server_config){.token = "new"});
    file_write(path, "new\n");
    CHECK_EQ(run_call(&rig, 1, 2, 1).status, GRPC_STATUS_UNAVAILABLE);
    CHECK_EQ(run_call(&rig, 1, 3, 1).status, GRPC_STATUS_OK);
    speech_server_script(rig.server, &(struct speech_server_config){.token = "newer"});
    CHECK_EQ(run_call(&rig, 1, 4, 1).status, GRPC_STATUS_UNAUTHENTICATED);
    rig_down(&rig);

    file_write(path, "two words");
    struct stt_client *client;
    CHECK_EQ(stt_client_create(&client, &(struct stt_providers){&config, 1}, on_event, &rig),
             STATUS_INVALID);
    file_write(path, "\n");
    CHECK_EQ(stt_client_create(&client, &(struct stt_providers){&config, 1}, on_event, &rig),
             STATUS_INVALID);
    unlink(path);
}

int main(void)
{
    RUN(test_target_loopback);
    RUN(test_config_refused);
    RUN(test_tls);
    RUN(test_metadata);
    RUN(test_reasons);
    RUN(test_api_key);
    RUN(test_service_account);
    RUN(test_token);
    return check_done();
}
