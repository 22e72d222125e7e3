#include "CLinux.h"

#include <errno.h>

#ifdef __GLIBC__
#include <malloc.h>

int clinux_settle_heap(int kept_byte_count) {
    // Setting either threshold ends glibc's own adjusting of both.
    int is_set = mallopt(M_MMAP_THRESHOLD, kept_byte_count) && mallopt(M_TRIM_THRESHOLD, kept_byte_count) &&
                 mallopt(M_ARENA_MAX, 1);
    return is_set ? 0 : -EINVAL;
}
#else
int clinux_settle_heap(int kept_byte_count) {
    (void)kept_byte_count;
    return -ENOSYS;
}
#endif
