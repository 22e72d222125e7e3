#pragma once
#include <curl/curl.h>

// What Swift cannot import: libcurl's setters are variadic. All that is decided about a transfer stands here.

typedef size_t (*shoal_curl_write)(char *bytes, size_t size, size_t count, void *owner);
typedef int (*shoal_curl_socket)(CURL *transfer, curl_socket_t socket, int what, void *owner, void *socket_owner);
typedef int (*shoal_curl_timer)(CURLM *transfers, long milliseconds, void *owner);

// HTTP and HTTPS alone, straight to the host that the URL names, and no further: no proxy, no redirect, no cookies, no
// file that says otherwise (libcurl reads none). A connection for each transfer: over a used one libcurl would send a
// request again by itself when the server goes away, and what was broken would look like what was refused. 0 if libcurl
// refuses any of it.
static inline int shoal_curl_prepare(CURL *transfer, const char *url, long connect_milliseconds, long milliseconds) {
    return curl_easy_setopt(transfer, CURLOPT_URL, url) == CURLE_OK &&
        curl_easy_setopt(transfer, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
        curl_easy_setopt(transfer, CURLOPT_PROXY, "") == CURLE_OK &&
        curl_easy_setopt(transfer, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
        curl_easy_setopt(transfer, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
        curl_easy_setopt(transfer, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
        curl_easy_setopt(transfer, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(transfer, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
        curl_easy_setopt(transfer, CURLOPT_CONNECTTIMEOUT_MS, connect_milliseconds) == CURLE_OK &&
        curl_easy_setopt(transfer, CURLOPT_TIMEOUT_MS, milliseconds) == CURLE_OK;
}

// The bytes are copied.
static inline int shoal_curl_set_body(CURL *transfer, const void *bytes, size_t count) {
    return curl_easy_setopt(transfer, CURLOPT_POST, 1L) == CURLE_OK &&
        curl_easy_setopt(transfer, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count) == CURLE_OK &&
        curl_easy_setopt(transfer, CURLOPT_COPYPOSTFIELDS, bytes) == CURLE_OK;
}

// The list must outlive the transfer.
static inline int shoal_curl_set_headers(CURL *transfer, struct curl_slist *headers) {
    return curl_easy_setopt(transfer, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
}

static inline int shoal_curl_set_writer(CURL *transfer, shoal_curl_write write, void *owner) {
    return curl_easy_setopt(transfer, CURLOPT_WRITEFUNCTION, write) == CURLE_OK &&
        curl_easy_setopt(transfer, CURLOPT_WRITEDATA, owner) == CURLE_OK;
}

static inline int shoal_curl_status(CURL *transfer) {
    long status = 0;
    return curl_easy_getinfo(transfer, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK ? (int)status : 0;
}

static inline int shoal_curl_set_loop(
    CURLM *transfers, shoal_curl_socket on_socket, shoal_curl_timer on_timer, void *owner) {
    return curl_multi_setopt(transfers, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
        curl_multi_setopt(transfers, CURLMOPT_SOCKETDATA, owner) == CURLM_OK &&
        curl_multi_setopt(transfers, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
        curl_multi_setopt(transfers, CURLMOPT_TIMERDATA, owner) == CURLM_OK;
}

// A transfer that has ended, and how; NULL if there is none.
static inline CURL *shoal_curl_next_ended(CURLM *transfers, CURLcode *result) {
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(transfers, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) continue;
        *result = message->data.result;
        return message->easy_handle;
    }
    return NULL;
}
