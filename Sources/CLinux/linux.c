#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int clinux_peer_credentials(int socket, int32_t *process, uint32_t *user, uint32_t *group) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return -errno;
    *process = credentials.pid;
    *user = credentials.uid;
    *group = credentials.gid;
    return 0;
}

int clinux_set_congestion_control(int socket, const char *name, size_t name_length) {
    return setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)name_length) == 0 ? 0 : -errno;
}

int clinux_unix_socket_answers(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) return -errno;
    int result = connect(probe, (struct sockaddr *)&address, sizeof address) == 0 ? 1 : -errno;
    close(probe);
    // A full backlog is an answer too: somebody listens.
    if (result == -EAGAIN) return 1;
    return result == -ECONNREFUSED || result == -ENOENT ? 0 : result;
}
