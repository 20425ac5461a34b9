/* The least that `streams` can cost: one thread, epoll, a clock and a copy of what comes, read afterwards.
 *
 *   client PORT USERS SECONDS       the numbers of work.py's `streams`, as a line of JSON
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { TOKENS = 50, FIRST_US = 50000, GAP_US = 5000, MAX_EVENTS = 512, MAX_READ = 65536 };

struct part {
    double at_s;
    int first; /* its first token is the first of a stream */
    size_t from, length;
};
struct user {
    int fd, count, first_us, asked;
    double began_s, ended_s;
    char request[128], tail[5];
};

static const char STAMP[] = "\"t\":"; /* before each token's time */
static struct part *parts;
static size_t part_count, part_room, byte_count, byte_room;
static char *bytes;

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static void keep(const char *data, int length, double at_s, int first) {
    if (part_count == part_room) parts = realloc(parts, (part_room = part_room * 2 + 1024) * sizeof *parts);
    while (byte_count + length > byte_room) bytes = realloc(bytes, byte_room = byte_room * 2 + MAX_READ);
    memcpy(bytes + byte_count, data, length);
    parts[part_count++] = (struct part){at_s, first, byte_count, length};
    byte_count += length;
}

static void ask(struct user *user) {
    user->asked = 1;
    memset(user->tail, 0, sizeof user->tail);
    if (write(user->fd, user->request, strlen(user->request)) < 0) exit(1);
}

/* Whether what came ends the stream; its last five bytes may come apart. */
static int ends(struct user *user, const char *data, int length) {
    for (int i = length < 5 ? 0 : length - 5; i < length; i++) {
        memmove(user->tail, user->tail + 1, 4);
        user->tail[4] = data[i];
    }
    return !memcmp(user->tail, "0\r\n\r\n", 5);
}

static void drive(struct user *users, int count, int poller, double until_s) {
    struct epoll_event events[MAX_EVENTS];
    static char data[MAX_READ];
    for (int left = count; left > 0;) {
        int ready = epoll_wait(poller, events, MAX_EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            struct user *user = &users[events[i].data.u32];
            int got = read(user->fd, data, sizeof data);
            double at_s = seconds(CLOCK_MONOTONIC);
            if (got <= 0) exit(1);
            int first = user->asked && memmem(data, got, STAMP, sizeof STAMP - 1);
            keep(data, got, at_s, first);
            user->asked &= !first;
            if (!ends(user, data, got)) continue;
            user->count++;
            user->ended_s = at_s;
            if (at_s < until_s) ask(user);
            else left--;
        }
    }
}

static int connected(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connect(fd, (struct sockaddr *)&address, sizeof address) ? -1 : fd;
}

static int by_value(const void *one, const void *other) {
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

static double percentile(double *values, size_t count, double per_cent) {
    qsort(values, count, sizeof *values, by_value);
    size_t rank = count * per_cent / 100;
    return values[rank < count ? rank : count - 1];
}

/* How much later than its server each token was noticed, and the first one of each stream. */
static void report(struct user *users, int count, double cpu_s) {
    double *all = malloc((byte_count / 40 + 1) * sizeof *all); /* an event is longer */
    double *first = malloc(part_count * sizeof *first), ideal = 0;
    size_t tokens = 0, firsts = 0;
    for (size_t i = 0; i < part_count; i++) {
        char *at = bytes + parts[i].from, *end = at + parts[i].length;
        for (int is_first = parts[i].first; (at = memmem(at, end - at, STAMP, 4)); is_first = 0, at += 4) {
            all[tokens++] = (parts[i].at_s - strtod(at + 4, NULL)) * 1000;
            if (is_first) first[firsts++] = all[tokens - 1];
        }
    }
    for (int i = 0; i < count; i++) {
        double stream_s = (users[i].first_us + (TOKENS - 1.0) * GAP_US) / 1e6;
        ideal += users[i].count * stream_s / (users[i].ended_s - users[i].began_s);
    }
    printf("{\"first_p50_ms\":%f,", percentile(first, firsts, 50));
    printf("\"first_p99_ms\":%f,", percentile(first, firsts, 99));
    printf("\"token_p50_ms\":%f,", percentile(all, tokens, 50));
    printf("\"token_p99_ms\":%f,", percentile(all, tokens, 99));
    printf("\"us_cpu\":%f,\"ideal_pct\":%f}\n", cpu_s / tokens * 1e6, ideal / count * 100);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int port = atoi(argv[1]), count = atoi(argv[2]), poller = epoll_create1(0);
    struct user *users = calloc(count, sizeof *users);
    srand(1);
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        users[i].first_us = FIRST_US + rand() % GAP_US; /* each user's phase is its own */
        sprintf(users[i].request, "GET /stream?tokens=%d&first_us=%d&gap_us=%d HTTP/1.1\r\nHost: a\r\n\r\n",
                TOKENS, users[i].first_us, GAP_US);
        if ((users[i].fd = connected(port)) < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, users[i].fd, &event)) return 1;
    }
    double cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID), until_s = seconds(CLOCK_MONOTONIC) + atof(argv[3]);
    for (int i = 0; i < count; i++) {
        users[i].began_s = seconds(CLOCK_MONOTONIC);
        ask(&users[i]);
    }
    drive(users, count, poller, until_s);
    report(users, count, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_s);
    return 0;
}
