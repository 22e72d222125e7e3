// One node of the floor: sends a file over TLS to some nodes and receives as much from others, hashing each byte once.
// What it costs is what links, bridge, TCP, TLS and SHA-256 alone cost; it writes no file and knows no protocol.
//
// usage: stream ADDRESS PORT CERTIFICATE KEY FILE INCOMING TARGET...
//   listens, prints READY, waits for a line on standard input, connects to each TARGET and sends its share of FILE there;
//   takes INCOMING connections and reads each to its end; prints DONE once all that came is hashed, and stays until
//   standard input ends.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORD_BYTES = 16384, CHUNK_BYTES = 131072, STREAMS_MAX = 64 };

static SSL_CTX *server_context, *client_context;

static void fail(const char *what) {
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static struct sockaddr_in endpoint(const char *address, int port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, address, &name.sin_addr) != 1) fail(address);
    return name;
}

static SSL *secure(int descriptor, SSL_CTX *context) {
    int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL *session = SSL_new(context);
    if (!session || !SSL_set_fd(session, descriptor)) fail("SSL_new");
    return session;
}

struct outgoing {
    struct sockaddr_in target;
    const unsigned char *bytes;
    size_t count;
};

static void *send_share(void *argument) {
    struct outgoing *share = argument;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(descriptor, (struct sockaddr *)&share->target, sizeof share->target)) fail("connect");
    SSL *session = secure(descriptor, client_context);
    if (SSL_connect(session) != 1) fail("SSL_connect");
    for (size_t at = 0; at < share->count; at += RECORD_BYTES) {
        size_t length = share->count - at < RECORD_BYTES ? share->count - at : RECORD_BYTES;
        if (SSL_write(session, share->bytes + at, (int)length) <= 0) fail("SSL_write");
    }
    SSL_shutdown(session);
    shutdown(descriptor, SHUT_WR);
    return NULL;  // the descriptor stays open, so that nothing is lost
}

static void *receive_all(void *argument) {
    SSL *session = secure((int)(intptr_t)argument, server_context);
    if (SSL_accept(session) != 1) fail("SSL_accept");
    unsigned char *buffer = malloc(CHUNK_BYTES), digest[EVP_MAX_MD_SIZE];
    size_t filled = 0, total = 0;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    const EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    for (;;) {
        int count = SSL_read(session, buffer + filled, (int)(CHUNK_BYTES - filled));
        if (count > 0) filled += (size_t)count, total += (size_t)count;
        if (filled == CHUNK_BYTES || count <= 0) {
            EVP_DigestInit_ex2(hash, sha256, NULL);
            EVP_DigestUpdate(hash, buffer, filled);
            EVP_DigestFinal_ex(hash, digest, NULL);
            filled = 0;
        }
        if (count > 0) continue;
        if (SSL_get_error(session, count) != SSL_ERROR_ZERO_RETURN) fail("SSL_read");
        return (void *)total;
    }
}

static SSL_CTX *context(const SSL_METHOD *method) {
    SSL_CTX *made = SSL_CTX_new(method);
    if (!made) fail("SSL_CTX_new");
    SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION);
    if (!SSL_CTX_set_ciphersuites(made, "TLS_AES_128_GCM_SHA256")) fail("ciphersuites");
    SSL_CTX_set_num_tickets(made, 0);
    return made;
}

static const unsigned char *map_file(const char *path, size_t *count) {
    struct stat status;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 || fstat(descriptor, &status)) fail(path);
    *count = (size_t)status.st_size;
    const unsigned char *bytes = mmap(NULL, *count, PROT_READ, MAP_SHARED, descriptor, 0);
    if (bytes == MAP_FAILED) fail("mmap");
    return bytes;
}

static int listen_at(const char *address, int port) {
    struct sockaddr_in name = endpoint(address, port);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&name, sizeof name) || listen(listener, STREAMS_MAX)) fail("listen");
    return listener;
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    if (argc < 7 || argc - 7 > STREAMS_MAX || atoi(argv[6]) > STREAMS_MAX) return 64;
    server_context = context(TLS_server_method());
    client_context = context(TLS_client_method());
    if (SSL_CTX_use_certificate_file(server_context, argv[3], SSL_FILETYPE_PEM) != 1) fail(argv[3]);
    if (SSL_CTX_use_PrivateKey_file(server_context, argv[4], SSL_FILETYPE_PEM) != 1) fail(argv[4]);
    size_t size, received = 0;
    const unsigned char *bytes = map_file(argv[5], &size);
    int port = atoi(argv[2]), incoming = atoi(argv[6]), targets = argc - 7, listener = listen_at(argv[1], port);
    pthread_t senders[STREAMS_MAX], receivers[STREAMS_MAX];
    struct outgoing shares[STREAMS_MAX];
    char line[16];
    puts("READY");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) return 1;
    for (int i = 0; i < targets; i++) {
        size_t from = size / (size_t)targets * (size_t)i, to = i + 1 == targets ? size : size / (size_t)targets * (size_t)(i + 1);
        shares[i] = (struct outgoing){endpoint(argv[7 + i], port), bytes + from, to - from};
        if (pthread_create(&senders[i], NULL, send_share, &shares[i])) fail("pthread_create");
    }
    for (int i = 0; i < incoming; i++) {
        int descriptor = accept(listener, NULL, NULL);
        if (descriptor < 0) fail("accept");
        if (pthread_create(&receivers[i], NULL, receive_all, (void *)(intptr_t)descriptor)) fail("pthread_create");
    }
    for (int i = 0; i < incoming; i++) {
        void *count;
        pthread_join(receivers[i], &count);
        received += (size_t)count;
    }
    printf("DONE %zu\n", received);
    fflush(stdout);
    for (int i = 0; i < targets; i++) pthread_join(senders[i], NULL);
    while (fgets(line, sizeof line, stdin)) {}
    return 0;
}
