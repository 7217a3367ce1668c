/*
 * A certificate for "localhost" and 127.0.0.1, made when it is asked for and signed by itself.
 *
 * Memory: fixed, the caller's.
 */
#pragma once

#define TEST_CERT_PEM_MAX 4096

struct test_cert {
    char cert_pem[TEST_CERT_PEM_MAX];
    char key_pem[TEST_CERT_PEM_MAX];
};

/* Ends the program when it cannot be made: a test has nothing to go on with. */
void test_cert_make(struct test_cert *cert);
