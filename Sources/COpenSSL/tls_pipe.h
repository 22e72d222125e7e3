#pragma once
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

// The two streams of ciphertext between a session and its owner, as the BIO that OpenSSL reads and writes, and the
// loops around SSL_read and SSL_write: Swift comes here once for each frame or write, and not once for each record.

typedef struct shoal_tls_pipe {
    // Input: what was kept comes before what is lent for the length of a call.
    const unsigned char *kept, *lent;
    size_t kept_count, lent_count;
    // Output. `grow` gives room for at least `needed` bytes in all, with the old ones in it; NULL beyond the bound.
    unsigned char *output;
    size_t output_count, output_capacity;
    unsigned char *(*grow)(void *owner, size_t needed);
    void *owner;
} shoal_tls_pipe;

static int shoal_tls_pipe_take(const unsigned char **source, size_t *available, void *target, int wanted) {
    size_t count = *available < (size_t)wanted ? *available : (size_t)wanted;
    memcpy(target, *source, count);
    *source += count;
    *available -= count;
    return (int)count;
}

static int shoal_tls_pipe_read(BIO *bio, char *target, int wanted) {
    shoal_tls_pipe *pipe = (shoal_tls_pipe *)BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (wanted <= 0) return -1;
    if (pipe->kept_count > 0) return shoal_tls_pipe_take(&pipe->kept, &pipe->kept_count, target, wanted);
    if (pipe->lent_count > 0) return shoal_tls_pipe_take(&pipe->lent, &pipe->lent_count, target, wanted);
    BIO_set_retry_read(bio);
    return -1;
}

static int shoal_tls_pipe_write(BIO *bio, const char *bytes, int count) {
    shoal_tls_pipe *pipe = (shoal_tls_pipe *)BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (count <= 0) return -1;
    size_t needed = pipe->output_count + (size_t)count;
    if (needed > pipe->output_capacity && pipe->grow(pipe->owner, needed) == NULL) return -1;
    memcpy(pipe->output + pipe->output_count, bytes, (size_t)count);
    pipe->output_count = needed;
    return count;
}

static long shoal_tls_pipe_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

// Made once and never freed.
static inline BIO_METHOD *shoal_tls_pipe_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "shoal");
    if (method == NULL) return NULL;
    BIO_meth_set_read(method, shoal_tls_pipe_read);
    BIO_meth_set_write(method, shoal_tls_pipe_write);
    BIO_meth_set_ctrl(method, shoal_tls_pipe_control);
    return method;
}

// A BIO over `pipe`, which must outlive it; NULL if OpenSSL has no memory.
static inline BIO *shoal_tls_pipe_bio(const BIO_METHOD *method, shoal_tls_pipe *pipe) {
    BIO *bio = BIO_new(method);
    if (bio == NULL) return NULL;
    BIO_set_data(bio, pipe);
    BIO_set_init(bio, 1);
    return bio;
}

// Opens records into `target` until it is full, or SSL_read says no; then `stop` is what SSL_get_error calls it.
// Otherwise `stop` is 0.
static inline size_t shoal_tls_open(SSL *session, void *target, size_t wanted, int *stop) {
    size_t count = 0, step = 0;
    *stop = 0;
    while (count < wanted) {
        int result = SSL_read_ex(session, (unsigned char *)target + count, wanted - count, &step);
        if (result != 1) {
            *stop = SSL_get_error(session, result);
            break;
        }
        count += step;
    }
    return count;
}

// Seals all of `bytes`, in records of 16 KiB; 0 if the session broke.
static inline int shoal_tls_seal(SSL *session, const void *bytes, size_t count) {
    size_t done = 0, step = 0;
    while (done < count) {
        if (SSL_write_ex(session, (const unsigned char *)bytes + done, count - done, &step) != 1) return 0;
        done += step;
    }
    return 1;
}
