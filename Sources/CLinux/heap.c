#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE_PAGE = 2 << 20 };

static uintptr_t round_up(uintptr_t address) { return (address + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1); }

int clinux_settle_heap(size_t byte_count) {
    // Any of these settings ends glibc's own adjusting of the two thresholds.
    int is_set = mallopt(M_ARENA_MAX, 1) && mallopt(M_MMAP_THRESHOLD, (int)byte_count) &&
                 mallopt(M_TRIM_THRESHOLD, (int)byte_count * 2) && mallopt(M_TOP_PAD, (int)byte_count);
    if (!is_set) return -EINVAL;
    uintptr_t begin = round_up((uintptr_t)sbrk(0));
    // Makes the heap grow by the padding, which stays, untouched.
    void *grown = malloc(byte_count / 2);
    if (!grown) return -ENOMEM;
    free(grown);
    uintptr_t end = (uintptr_t)sbrk(0);
    if (end <= begin) return 0;
    return madvise((void *)begin, end - begin, MADV_HUGEPAGE) == 0 ? 0 : -errno;
}
#else
int clinux_settle_heap(size_t byte_count) {
    (void)byte_count;
    return -ENOSYS;
}
#endif
