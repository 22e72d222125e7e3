#pragma once
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "tls_pipe.h"

// What Swift cannot import: macros, variadic functions, and the stacks that OpenSSL makes of macros.

static inline void shoal_free(void *memory) { OPENSSL_free(memory); }

// SHA-256. The state is a plain C struct, which Swift can hold, copy and move between threads as a value without an
// allocation or a fetch; the EVP interface runs the same code behind a handle.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
static inline void shoal_sha256_init(SHA256_CTX *state) { SHA256_Init(state); }
static inline void shoal_sha256_update(SHA256_CTX *state, const void *bytes, size_t count) {
    SHA256_Update(state, bytes, count);
}
static inline void shoal_sha256_finish(SHA256_CTX *state, unsigned char *digest) { SHA256_Final(digest, state); }
#pragma clang diagnostic pop

// Keys.
static inline EVP_PKEY *shoal_generate_p256(void) { return EVP_EC_gen("P-256"); }

static int shoal_no_password(char *buffer, int size, int writing, void *data) {
    (void)buffer, (void)size, (void)writing, (void)data;
    return -1;
}

// Without the callback OpenSSL would ask for an encrypted key's password on the terminal.
static inline EVP_PKEY *shoal_read_private_key(BIO *bio) {
    return PEM_read_bio_PrivateKey(bio, NULL, shoal_no_password, NULL);
}

static inline long shoal_bio_contents(BIO *bio, char **bytes) { return BIO_get_mem_data(bio, bytes); }

// Certificates.
static inline int shoal_name_set_common_name(X509_NAME *name, const char *utf8, int count) {
    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)utf8, count, -1, 0);
}

// The one common name of `name`, as UTF-8 that shoal_free releases. Negative unless there is exactly one.
static inline int shoal_name_common_name(const X509_NAME *name, unsigned char **utf8) {
    int first = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (first < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, first) >= 0) return -1;
    return ASN1_STRING_to_UTF8(utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, first)));
}

static inline int shoal_certificate_add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
    if (extension == NULL) return 0;
    int added = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

static inline GENERAL_NAMES *shoal_alternative_names(const X509 *certificate, int *critical) {
    return (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, critical, NULL);
}

static inline int shoal_alternative_names_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }

// The bytes of a URI, owned by `names`; negative if the name at `index` is something else.
static inline int shoal_alternative_names_uri(const GENERAL_NAMES *names, int index, const unsigned char **bytes) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    if (name->type != GEN_URI) return -1;
    *bytes = ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
    return ASN1_STRING_length(name->d.uniformResourceIdentifier);
}

static inline STACK_OF(X509) *shoal_certificates_new(void) { return sk_X509_new_null(); }
static inline int shoal_certificates_push(STACK_OF(X509) *stack, X509 *certificate) {
    return X509_add_cert(stack, certificate, X509_ADD_FLAG_UP_REF);
}
static inline int shoal_certificates_count(const STACK_OF(X509) *stack) { return sk_X509_num(stack); }
static inline X509 *shoal_certificates_value(const STACK_OF(X509) *stack, int index) {
    return sk_X509_value(stack, index);
}
static inline void shoal_certificates_free(STACK_OF(X509) *stack) { sk_X509_pop_free(stack, X509_free); }

// TLS.
static inline int shoal_context_configure(SSL_CTX *context, int version, const char *groups) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
        SSL_MODE_NO_AUTO_CHAIN);
    return SSL_CTX_set_min_proto_version(context, version) == 1 &&
        SSL_CTX_set_max_proto_version(context, version) == 1 &&
        SSL_CTX_set1_groups_list(context, groups) == 1 && SSL_CTX_set_num_tickets(context, 0) == 1;
}

static inline int shoal_context_add_chain(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}
