#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/vfs.h>
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

int clinux_socket_error(int socket) {
    int error = 0;
    socklen_t length = sizeof error;
    return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? -error : -errno;
}

int clinux_reset_on_close(int socket) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    return setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0 ? 0 : -errno;
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

static uint64_t flags_for(enum clinux_access access) {
    switch (access) {
    case clinux_access_read: return O_RDONLY | O_NONBLOCK | O_NOFOLLOW;
    case clinux_access_write: return O_RDWR | O_NONBLOCK | O_NOFOLLOW;
    case clinux_access_create: return O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
    // RESOLVE_NO_SYMLINKS refuses a link here; O_NOFOLLOW would only turn ELOOP into a less clear ENOTDIR.
    case clinux_access_directory: return O_RDONLY | O_DIRECTORY;
    case clinux_access_directory_path: return O_PATH | O_DIRECTORY;
    case clinux_access_path: return O_PATH | O_NOFOLLOW;
    }
    return 0;
}

int clinux_open_beneath(int directory, const char *path, enum clinux_access access, uint32_t mode) {
    struct open_how how = {
        .flags = flags_for(access) | O_CLOEXEC,
        .mode = access == clinux_access_create ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    // EAGAIN: a rename somewhere raced with the walk. Bounded, in case somebody renames without end.
    for (int attempt = 0; attempt < 64;) {
        long result = syscall(SYS_openat2, directory, path, &how, sizeof how);
        if (result >= 0) return (int)result;
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return -errno;
        attempt++;
    }
    return -EIO;
}

// sched_setattr's, as linux/sched/types.h has it: libc has no name for it, and that header defines sched_param anew.
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t niceness;
    uint32_t priority;
    uint64_t slice_nanoseconds, deadline, period;
};

void clinux_yield_to_others(int niceness) {
    // Thread 0 is the one that calls, and a niceness beyond the highest counts as that.
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + niceness);
    if (sched_getscheduler(0) != SCHED_OTHER) return;
    struct scheduling wanted = {.size = sizeof wanted,
                                .policy = SCHED_OTHER,
                                .niceness = getpriority(PRIO_PROCESS, 0),
                                // More than any default, and short enough to be waited for where it is.
                                .slice_nanoseconds = 20 * 1000 * 1000};
    // A kernel that knows no slices says nothing.
    syscall(SYS_sched_setattr, 0, &wanted, 0);
}

int clinux_reserve(int file, int64_t offset, int64_t byte_count) {
    int result;
    struct statfs disk;
    // There the pages themselves would be made now, one by one, before the first byte is asked for.
    if (fstatfs(file, &disk) == 0 && (disk.f_type == TMPFS_MAGIC || disk.f_type == RAMFS_MAGIC)) return -EOPNOTSUPP;
    do result = fallocate(file, 0, offset, byte_count);
    while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : -errno;
}

int64_t clinux_read_parts(int file, void *target, size_t part_byte_count, size_t stride, size_t byte_count,
                          int64_t offset) {
    enum { PARTS_MAX = 64 };
    struct iovec parts[PARTS_MAX];
    size_t done = 0;
    while (done < byte_count) {
        int count = 0;
        for (size_t at = done; at < byte_count && count < PARTS_MAX; count++) {
            size_t within = at % part_byte_count, length = part_byte_count - within;
            if (length > byte_count - at) length = byte_count - at;
            parts[count].iov_base = (char *)target + at / part_byte_count * stride + within;
            parts[count].iov_len = length;
            at += length;
        }
        ssize_t got = preadv(file, parts, count, offset + (int64_t)done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -errno;
        if (got == 0) break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

int clinux_share_blocks(int target, int source) {
    return ioctl(target, FICLONE, source) == 0 ? 0 : -errno;
}

int clinux_is_on_block_sharing_disk(int file) {
    struct statfs disk;
    return fstatfs(file, &disk) == 0 && (disk.f_type == XFS_SUPER_MAGIC || disk.f_type == BTRFS_SUPER_MAGIC);
}

int clinux_share_range(int target, int64_t target_offset, int source, int64_t source_offset, int64_t byte_count) {
    struct file_clone_range range = {
        .src_fd = source,
        .src_offset = (uint64_t)source_offset,
        .src_length = (uint64_t)byte_count,
        .dest_offset = (uint64_t)target_offset,
    };
    return ioctl(target, FICLONERANGE, &range) == 0 ? 0 : -errno;
}

int64_t clinux_copy(int target, int64_t target_offset, int source, int64_t source_offset, int64_t byte_count) {
    loff_t from = source_offset, to = target_offset;
    ssize_t copied;
    do copied = copy_file_range(source, &from, target, &to, (size_t)byte_count, 0);
    while (copied < 0 && errno == EINTR);
    return copied >= 0 ? copied : -errno;
}

int clinux_rename(int from, const char *name, int to, const char *new_name, int must_not_exist) {
    unsigned flags = must_not_exist ? RENAME_NOREPLACE : 0;
    return renameat2(from, name, to, new_name, flags) == 0 ? 0 : -errno;
}

int clinux_lock(int file) {
    int result;
    do result = flock(file, LOCK_EX | LOCK_NB);
    while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : -errno;
}

const char *clinux_environment_entry(size_t index) {
    for (size_t entry = 0; environ != NULL && environ[entry] != NULL; entry++)
        if (entry == index) return environ[entry];
    return NULL;
}
