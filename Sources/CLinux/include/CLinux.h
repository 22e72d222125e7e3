// Calls that Swift cannot make, because they are variadic, have no wrapper in libc or hide in headers
// that Swift does not import. Unless said otherwise they return 0 or a descriptor, and -errno on
// failure; an interrupted call is repeated.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Who connected to a unix socket (SO_PEERCRED).
int clinux_peer_credentials(int socket, int32_t *process, uint32_t *user, uint32_t *group);
/// Chooses TCP's congestion control by its kernel name (TCP_CONGESTION).
int clinux_set_congestion_control(int socket, const char *name, size_t name_length);
/// Bounds what the kernel takes and does not send yet (TCP_NOTSENT_LOWAT); 0 takes the bound away.
int clinux_set_unsent_max(int socket, uint32_t byte_count);
/// Marks what a TCP socket sends for networks that tell traffic apart (IP_TOS or IPV6_TCLASS, by its family), and for
/// this machine's own queue (SO_PRIORITY).
int clinux_set_traffic_class(int socket, int mark, int priority);
/// Spreads what a TCP socket sends evenly at this rate (SO_MAX_PACING_RATE); all ones takes it back.
int clinux_set_pacing_rate(int socket, uint64_t bytes_per_second);

/// What TCP_INFO says of a connection. A field that this kernel does not have is 0.
struct clinux_tcp_state {
    uint32_t round_trip_microseconds;      // smoothed
    uint32_t round_trip_min_microseconds;  // over the kernel's window of minutes
    uint32_t segment_byte_count;           // payload of a full segment
    uint32_t window_segment_count;         // the congestion window
    uint32_t unacked_segment_count;        // sent and not acknowledged
    uint32_t unsent_byte_count;            // in the socket and not sent
    uint32_t retransmitted_segment_count;  // since the beginning
    uint64_t delivery_bytes_per_second;    // of the last round trips
    uint64_t acked_byte_count;             // since the beginning
    uint64_t busy_microseconds;            // had something to send
    uint64_t receiver_limited_microseconds;
    uint64_t buffer_limited_microseconds;
};
/// Asks for TCP_INFO.
int clinux_tcp_state(int socket, struct clinux_tcp_state *state);
/// What went wrong with a connection and was not reported yet (SO_ERROR), as -errno; 0 for nothing.
int clinux_socket_error(int socket);
/// Makes a later close reset the connection (SO_LINGER with no time).
int clinux_reset_on_close(int socket);
/// True (1) if something accepts connections at a unix socket's path, 0 if nothing does.
int clinux_unix_socket_answers(const char *path);

/// Makes the calling thread give way to the others of its control group: adds to its niceness and lengthens its slice.
/// Since Linux 6.12 a thread that wakes up may go before one whose slice is longer; before one with an equal slice it
/// waits for that to end, however nice that is. A thread that is no ordinary one keeps its slice. Measured on 6.18.
/// Where the system refuses, the thread goes on as it is.
void clinux_yield_to_others(int niceness);

/// Has malloc use one arena for all threads that begin later, and keep up to `kept_byte_count` of what is freed in it.
/// -EINVAL if this malloc does not take that, -ENOSYS where there are no such settings.
int clinux_settle_heap(int kept_byte_count);

/// How clinux_open_beneath opens. Nothing is inherited by child processes, and nothing waits for a queue's other end.
enum clinux_access {
    clinux_access_read,            // a file, for reading
    clinux_access_write,           // a file, for reading and writing
    clinux_access_create,          // a file that must not exist yet, for reading and writing
    clinux_access_directory,       // a folder, for listing and fsync
    clinux_access_directory_path,  // a folder, as the place for names
    clinux_access_path             // anything, a link itself included, for its status
};
/// openat2 that never leaves `directory` and follows no link (RESOLVE_BENEATH |
/// RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS).
int clinux_open_beneath(int directory, const char *path, enum clinux_access access, uint32_t mode);
/// Reserves a part of a file on disk and makes the file at least as long (fallocate). -EOPNOTSUPP where that cannot be
/// done, or is as dear as writing them: on file systems in memory.
int clinux_reserve(int file, int64_t offset, int64_t byte_count);
/// Reads `byte_count` bytes at `offset` into parts of `part_byte_count` bytes, the last perhaps shorter, `stride` bytes
/// apart from `target` on. Returns how many were read: fewer at the file's end.
int64_t clinux_read_parts(int file, void *target, size_t part_byte_count, size_t stride, size_t byte_count,
                          int64_t offset);
/// Makes `target` share all blocks of `source` (FICLONE).
int clinux_share_blocks(int target, int source);
/// True (1) if a file is on a disk of this machine whose files can share blocks: XFS or Btrfs.
int clinux_is_on_block_sharing_disk(int file);
/// Makes a part of `target` share the blocks of a part of `source` (FICLONERANGE). Both offsets and the length are on
/// blocks, unless the part ends with `source`.
int clinux_share_range(int target, int64_t target_offset, int source, int64_t source_offset, int64_t byte_count);
/// Copies at most `byte_count` bytes from one file to another inside the kernel.
/// Returns their number, 0 at the end.
int64_t clinux_copy(int target, int64_t target_offset, int source, int64_t source_offset, int64_t byte_count);
/// renameat2; with `must_not_exist`, -EEXIST if the new name is taken.
int clinux_rename(int from, const char *name, int to, const char *new_name, int must_not_exist);
/// flock, exclusive, without waiting: -EWOULDBLOCK if somebody has it.
int clinux_lock(int file);
/// `NAME=value` of this process's environment; NULL beyond its end.
const char *clinux_environment_entry(size_t index);
