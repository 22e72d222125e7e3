// Calls that Swift cannot make, because they are variadic, have no wrapper in libc or hide in headers that Swift does not import.
// Unless said otherwise they return 0 or a descriptor, and -errno on failure; an interrupted call is repeated.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Who connected to a unix socket (SO_PEERCRED).
int clinux_peer_credentials(int socket, int32_t *process, uint32_t *user, uint32_t *group);
/// Chooses TCP's congestion control by its kernel name (TCP_CONGESTION).
int clinux_set_congestion_control(int socket, const char *name, size_t name_length);
/// True (1) if something accepts connections at a unix socket's path, 0 if nothing does.
int clinux_unix_socket_answers(const char *path);
