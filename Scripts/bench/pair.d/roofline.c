// What a byte costs on this machine, in processor seconds per GiB: one JSON object on standard output.
//
// usage: roofline FOLDER ROUNDS        FOLDER should be on tmpfs; each round measures every part once
//
// Every part works through SIZE bytes in the steps in which an agent does, and is measured by the processor time of
// this process, both ends included where there are two.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { KIB = 1 << 10, MIB = 1 << 20, RECORD = 16 * KIB, CHUNK = MIB, PIECE = 256 * KIB, ROUNDS_MAX = 32 };
#define SIZE ((size_t)512 * MIB)

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double processor_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static unsigned char *page_aligned(size_t size) {
    void *memory = NULL;
    if (posix_memalign(&memory, 4096, size) != 0) fail("memory");
    for (size_t i = 0; i < size; i++) ((unsigned char *)memory)[i] = (unsigned char)(i * 2654435761u >> 13);
    return memory;
}

static void hash_all(unsigned char *chunk) {
    unsigned char digest[32];
    for (size_t done = 0; done < SIZE; done += CHUNK) SHA256(chunk, CHUNK, digest);
}

// TLS: two sessions over memory. The ciphertext of one chunk is kept, so that sealing and opening are timed apart.

static void shake_hands(SSL *client, SSL *server) {
    for (int i = 0; i < 20; i++) {
        int one = SSL_do_handshake(client), other = SSL_do_handshake(server);
        if (one == 1 && other == 1) return;
    }
    fail("handshake");
}

static SSL_CTX *context(const SSL_METHOD *method, EVP_PKEY *key, X509 *certificate) {
    SSL_CTX *made = SSL_CTX_new(method);
    SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(made, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set_num_tickets(made, 0);
    if (key && (SSL_CTX_use_certificate(made, certificate) != 1 || SSL_CTX_use_PrivateKey(made, key) != 1))
        fail("certificate");
    return made;
}

static X509 *self_signed(EVP_PKEY *key) {
    X509 *made = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), 0);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_set_pubkey(made, key);
    X509_sign(made, key, EVP_sha256());
    return made;
}

static void pair_of_sessions(SSL **client, SSL **server) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    *client = SSL_new(context(TLS_client_method(), NULL, NULL));
    *server = SSL_new(context(TLS_server_method(), key, self_signed(key)));
    BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(up, -1);
    BIO_set_mem_eof_return(down, -1);
    BIO_up_ref(up), BIO_up_ref(down);
    SSL_set_bio(*client, down, up), SSL_set_bio(*server, up, down);
    SSL_set_connect_state(*client), SSL_set_accept_state(*server);
    shake_hands(*client, *server);
}

static void seal_and_open(unsigned char *chunk, double *seal, double *open) {
    SSL *client, *server;
    pair_of_sessions(&client, &server);
    *seal = *open = 0;
    for (size_t done = 0; done < SIZE; done += CHUNK) {
        double start = processor_seconds();
        for (size_t at = 0; at < CHUNK; at += RECORD)
            if (SSL_write(server, chunk + at, RECORD) != RECORD) fail("seal");
        double sealed = processor_seconds();
        for (size_t at = 0; at < CHUNK; at += RECORD)
            if (SSL_read(client, chunk + at, RECORD) != RECORD) fail("open");
        *open += processor_seconds() - sealed, *seal += sealed - start;
    }
    SSL_free(client), SSL_free(server);
}

// TCP over loopback: the sender writes, a thread reads.

struct reader {
    int socket;
    unsigned char *buffer;
};

static void *read_all(void *argument) {
    struct reader *reader = argument;
    while (read(reader->socket, reader->buffer, MIB) > 0) {}
    return NULL;
}

static void send_all(unsigned char *piece, unsigned char *buffer) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), sender = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (bind(listener, (void *)&address, length) || listen(listener, 1)) fail("listen");
    getsockname(listener, (void *)&address, &length);
    if (connect(sender, (void *)&address, length)) fail("connect");
    setsockopt(sender, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct reader reader = {accept(listener, NULL, NULL), buffer};
    pthread_t thread;
    if (pthread_create(&thread, NULL, read_all, &reader)) fail("thread");
    for (size_t done = 0; done < SIZE; done += PIECE)
        for (size_t sent = 0; sent < PIECE;) {
            ssize_t count = write(sender, piece + sent, PIECE - sent);
            if (count <= 0) fail("send");
            sent += count;
        }
    shutdown(sender, SHUT_WR);
    pthread_join(thread, NULL);
    close(sender), close(reader.socket), close(listener);
}

static void write_all(const char *path, unsigned char *chunk) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0) fail(path);
    for (size_t done = 0; done < SIZE; done += CHUNK)
        if (pwrite(file, chunk, CHUNK, done) != CHUNK) fail("write");
    close(file);
}

static void read_back(const char *path, unsigned char *piece) {
    int file = open(path, O_RDONLY);
    for (size_t done = 0; done < SIZE; done += PIECE)
        if (pread(file, piece, PIECE, done) != PIECE) fail("read");
    close(file);
}

static int ascending(const void *one, const void *other) {
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

enum { HASH, SEAL, OPEN, TCP, WRITE, READ, PARTS };
static const char *names[PARTS] = {"sha256", "seal", "open", "tcp", "write", "read"};

static void measure(double *cost, const char *path, unsigned char *chunk, unsigned char *buffer) {
    double start = processor_seconds(), gib = SIZE / (1024.0 * MIB);
    hash_all(chunk);
    cost[HASH] = (processor_seconds() - start) / gib;
    seal_and_open(chunk, &cost[SEAL], &cost[OPEN]);
    cost[SEAL] /= gib, cost[OPEN] /= gib;
    start = processor_seconds();
    send_all(chunk, buffer);
    cost[TCP] = (processor_seconds() - start) / gib;
    start = processor_seconds();
    write_all(path, chunk);
    cost[WRITE] = (processor_seconds() - start) / gib;
    start = processor_seconds();
    read_back(path, buffer);
    cost[READ] = (processor_seconds() - start) / gib;
    unlink(path);
}

int main(int count, char **arguments) {
    int rounds = count == 3 ? atoi(arguments[2]) : 0;
    if (rounds < 1 || rounds > ROUNDS_MAX) return fprintf(stderr, "usage: roofline FOLDER ROUNDS\n"), 2;
    unsigned char *chunk = page_aligned(CHUNK), *buffer = page_aligned(MIB);
    double costs[PARTS][ROUNDS_MAX], cost[PARTS];
    char path[4096];
    snprintf(path, sizeof path, "%s/roofline.bin", arguments[1]);
    for (int round = 0; round < rounds; round++) {
        measure(cost, path, chunk, buffer);
        for (int part = 0; part < PARTS; part++) costs[part][round] = cost[part];
    }
    for (int part = 0; part < PARTS; part++) {
        qsort(costs[part], rounds, sizeof(double), ascending);
        double middle = (costs[part][(rounds - 1) / 2] + costs[part][rounds / 2]) / 2;
        printf("%s\"%s\": %.4f", part ? ", " : "{", names[part], middle);
    }
    printf("}\n");
    return 0;
}
