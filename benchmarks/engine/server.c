/* The server of `make bench-engine`: one thread, epoll, answers made beforehand, so that it is never the limit.
 *
 *   GET /json                                        a small JSON document
 *   GET /stream?tokens=N&first_us=F&gap_us=G         server-sent events: the first after F, then one each G
 *   GET /flood?tokens=N                              the same events as fast as the client takes them
 *
 * Each event of /stream carries CLOCK_MONOTONIC, read just before it is written. Prints its port; ends with stdin.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FDS = 16384, MAX_HEAD = 4096, MAX_EVENTS = 512, BLOCK_TOKENS = 100 };
enum mode { IDLE, STREAM, FLOOD };

struct connection {
    enum mode mode;
    int left;              /* tokens still to be written */
    int at;                /* STREAM: index in `streams`; FLOOD: offset in the block */
    long long due_ns, gap_ns;
    int length;
    char head[MAX_HEAD + 1];
};

static const char JSON[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 41\r\n\r\n"
    "{\"message\":\"Good morning, how are you ?\"}";
static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char STREAM_END[] = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

static struct connection *connections[MAX_FDS];
static int streams[MAX_FDS], stream_count, poller;
static char block[BLOCK_TOKENS * 128];
static int block_length;

static long long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int write_event(char *out, long long at_ns) {
    char data[96];
    int length = snprintf(data, sizeof data, "data: {\"t\":%lld.%09lld,\"text\":\" word\"}\n\n",
                          at_ns / 1000000000, at_ns % 1000000000);
    return sprintf(out, "%x\r\n%s\r\n", length, data);
}

static void watch(int fd, int operation, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    epoll_ctl(poller, operation, fd, &event);
}

static void leave_stream(struct connection *connection) {
    int last = streams[--stream_count];
    streams[connection->at] = last;
    connections[last]->at = connection->at;
    connection->mode = IDLE;
}

static void drop(int fd) {
    if (connections[fd]->mode == STREAM) leave_stream(connections[fd]);
    free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
}

/* Write something short; a peer that lets its socket's buffer run full is dropped. */
static int put(int fd, const char *bytes, int length) {
    if (send(fd, bytes, length, MSG_NOSIGNAL) == length) return 1;
    drop(fd);
    return 0;
}

static void flood(int fd) {
    struct connection *connection = connections[fd];
    while (connection->left > 0) {
        int sent = send(fd, block + connection->at, block_length - connection->at, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN) drop(fd);
            return;
        }
        connection->at += sent;
        if (connection->at == block_length) {
            connection->at = 0;
            connection->left -= BLOCK_TOKENS;
        }
    }
    /* The end goes out in one piece or, when the buffer is full, with the next EPOLLOUT. */
    if (send(fd, STREAM_END, sizeof STREAM_END - 1, MSG_NOSIGNAL) != (int)sizeof STREAM_END - 1) return;
    connection->mode = IDLE;
    watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

static long long number(const char *head, const char *name) {
    const char *at = strstr(head, name);
    return at ? atoll(at + strlen(name)) : 0;
}

static void answer(int fd) {
    struct connection *connection = connections[fd];
    connection->length = 0;
    if (!strncmp(connection->head, "GET /stream", 11)) {
        connection->mode = STREAM;
        connection->left = number(connection->head, "tokens=");
        connection->gap_ns = number(connection->head, "gap_us=") * 1000;
        connection->due_ns = now_ns() + number(connection->head, "first_us=") * 1000;
        connection->at = stream_count;
        streams[stream_count++] = fd;
        put(fd, STREAM_HEAD, sizeof STREAM_HEAD - 1);
    } else if (!strncmp(connection->head, "GET /flood", 10)) {
        connection->mode = FLOOD;
        connection->left = number(connection->head, "tokens=");
        connection->at = 0;
        if (put(fd, STREAM_HEAD, sizeof STREAM_HEAD - 1)) {
            watch(fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            flood(fd);
        }
    } else {
        put(fd, JSON, sizeof JSON - 1);
    }
}

static void readable(int fd) {
    struct connection *connection = connections[fd];
    int got = recv(fd, connection->head + connection->length, MAX_HEAD - connection->length, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) drop(fd);
        return;
    }
    connection->length += got;
    connection->head[connection->length] = 0;
    if (strstr(connection->head, "\r\n\r\n")) answer(fd);
    else if (connection->length == MAX_HEAD) drop(fd);
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= MAX_FDS || !(connections[fd] = calloc(1, sizeof(struct connection)))) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(fd, EPOLL_CTL_ADD, EPOLLIN);
    }
}

/* Write what is due; the time of the next event, or -1. */
static long long tick(void) {
    long long next = -1;
    for (int i = stream_count - 1; i >= 0; i--) {
        int fd = streams[i];
        struct connection *connection = connections[fd];
        long long now = now_ns();
        if (connection->due_ns <= now) {
            char event[128];
            if (!put(fd, event, write_event(event, now))) continue;
            connection->due_ns += connection->gap_ns;
            if (--connection->left <= 0) {
                leave_stream(connection);
                put(fd, STREAM_END, sizeof STREAM_END - 1);
                continue;
            }
        }
        if (next < 0 || connection->due_ns < next) next = connection->due_ns;
    }
    return next;
}

static int listen_on_loopback(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096)) return -1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(void) {
    struct epoll_event events[MAX_EVENTS];
    prctl(PR_SET_TIMERSLACK, 1UL);
    for (int i = 0; i < BLOCK_TOKENS; i++) block_length += write_event(block + block_length, 1000000000LL);
    poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on_loopback();
    if (listener < 0) return 1;
    watch(listener, EPOLL_CTL_ADD, EPOLLIN);
    watch(STDIN_FILENO, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        long long next = tick(), wait = next < 0 ? -1 : next - now_ns();
        if (next >= 0 && wait < 0) wait = 0;
        struct timespec timeout = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};
        int count = epoll_pwait2(poller, events, MAX_EVENTS, next < 0 ? NULL : &timeout, NULL);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == STDIN_FILENO) return 0;
            if (fd == listener) accept_all(listener);
            else if (connections[fd] && events[i].events & ~(unsigned)EPOLLOUT) readable(fd);
            if (fd != listener && connections[fd] && connections[fd]->mode == FLOOD) flood(fd);
        }
    }
}
