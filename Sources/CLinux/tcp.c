// In a file of its own, because libc's header of TCP lacks the newer fields of tcp_info and the kernel's collides
// with it.
#include "CLinux.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int clinux_set_unsent_max(int socket, uint32_t byte_count) {
    // The kernel takes 0 for the system's own bound, which is none unless somebody set it.
    int value = byte_count > INT32_MAX ? INT32_MAX : (int)byte_count;
    return setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, sizeof value) == 0 ? 0 : -errno;
}

int clinux_set_traffic_class(int socket, int mark, int priority) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(socket, (struct sockaddr *)&address, &length) != 0) return -errno;
    int status = 0;
    if (address.ss_family == AF_INET6) {
        status = setsockopt(socket, IPPROTO_IPV6, IPV6_TCLASS, &mark, sizeof mark);
        // An IPv4 connection of an IPv6 socket takes this one; elsewhere it fails, and nothing is lost.
        (void)setsockopt(socket, IPPROTO_IP, IP_TOS, &mark, sizeof mark);
    } else {
        status = setsockopt(socket, IPPROTO_IP, IP_TOS, &mark, sizeof mark);
    }
    if (status != 0) return -errno;
    // Last, because the mark sets it too.
    return setsockopt(socket, SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority) == 0 ? 0 : -errno;
}

int clinux_set_pacing_rate(int socket, uint64_t bytes_per_second) {
    socklen_t length = sizeof bytes_per_second;
    return setsockopt(socket, SOL_SOCKET, SO_MAX_PACING_RATE, &bytes_per_second, length) == 0 ? 0 : -errno;
}

int clinux_tcp_state(int socket, struct clinux_tcp_state *state) {
    struct tcp_info info;
    socklen_t length = sizeof info;
    // An older kernel fills less.
    memset(&info, 0, sizeof info);
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return -errno;
    *state = (struct clinux_tcp_state){
        .round_trip_microseconds = info.tcpi_rtt,
        // All ones until the first sample.
        .round_trip_min_microseconds = info.tcpi_min_rtt == UINT32_MAX ? 0 : info.tcpi_min_rtt,
        .segment_byte_count = info.tcpi_snd_mss,
        .window_segment_count = info.tcpi_snd_cwnd,
        .unacked_segment_count = info.tcpi_unacked,
        .unsent_byte_count = info.tcpi_notsent_bytes,
        .retransmitted_segment_count = info.tcpi_total_retrans,
        .delivery_bytes_per_second = info.tcpi_delivery_rate,
        .acked_byte_count = info.tcpi_bytes_acked,
        .busy_microseconds = info.tcpi_busy_time,
        .receiver_limited_microseconds = info.tcpi_rwnd_limited,
        .buffer_limited_microseconds = info.tcpi_sndbuf_limited,
    };
    return 0;
}
