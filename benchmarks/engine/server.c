/* The server of `make bench-engine`: one thread, epoll, responses made in advance, so that it is rarely the limit.
 *
 *   server JOURNAL [CERTIFICATE KEY]     print the ports for HTTP and, with a certificate, for TLS; end with stdin
 *
 *   /json                                a small JSON document
 *   /arrivals                            the same, with an entry in the journal
 *   /large                               a JSON document of 1 MB
 *   /closing                             a small JSON document, after which the server closes the connection
 *   /stream?tokens=N&first_us=F&gap_us=G server-sent events: the first after F, then one each G, with the time in each
 *   /flood?tokens=N                      the same events as fast as the client takes them, 100 in each write
 *   /writes?tokens=N[&nagle=1]           the same, one event in each write; with `nagle` the kernel may join them
 *   /v1/chat/completions                 OpenAI's API, streamed or not; the journal sets tokens and times
 *   /v1/models, /health                  what clients ask before they start; not counted
 *
 * The journal is a file in shared memory (journal.py reads it): settings, counters, and an entry for each streamed
 * chat and arrival: when the kernel received the request, and when each token was written. All times are CLOCK_MONOTONIC.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FDS = 16384, MAX_REQUEST = 8192, MAX_EVENTS = 512, BLOCK_TOKENS = 100, WRITES_PER_TURN = 64 };
enum { MAX_ENTRIES = 4 << 20, LARGE_BYTES = 1 << 20, SECOND = 1000000000 };
enum mode { IDLE, STREAM, CHAT, SEND, WRITES };

struct entry {
    long long at_ns;
    int stream;            /* number of the stream, from 0 */
    int user;              /* number in the request's field `user`; -1 without one */
    int token;             /* index of the written token; -1: the request was received */
    int reserved;
};

struct journal {           /* journal.py declares the same layout */
    long long requests, responses, first_ns, last_ns, streams, entries, written;  /* written: events of /flood, /writes */
    long long tokens, first_us, spread_us, gap_us, awake;  /* settings, which the reader of the journal writes */
    struct entry log[MAX_ENTRIES];
};

struct connection {
    enum mode mode;
    SSL *tls;
    int greeted;           /* TLS: the handshake is complete */
    int counted, closing;  /* of the present request */
    int left;              /* tokens still to be written; SEND: blocks */
    int at;                /* STREAM, CHAT: index in `streams`; SEND, WRITES: bytes of the block or event already written */
    int stream, user, token;
    long long due_ns, gap_ns, received_ns;
    const char *block, *end;
    int block_length;
    int length;
    char request[MAX_REQUEST + 1];
};

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
static const char JSON[] = HEAD "Content-Length: 41\r\n\r\n{\"message\":\"Good morning, how are you ?\"}";
static const char CLOSING[] =
    HEAD "Connection: close\r\nContent-Length: 41\r\n\r\n{\"message\":\"Good morning, how are you ?\"}";
static const char MODELS[] = "{\"object\":\"list\",\"data\":[{\"id\":\"bench\",\"object\":\"model\",\"owned_by\":\"bench\"}]}";
static const char COMPLETION[] =
    "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"bench\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\",\"content\":\" word\"},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}";
static const char NOT_FOUND[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char STREAM_END[] = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";
#define CHUNK "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"bench\",\"choices\":["

static struct connection *connections[MAX_FDS];
static struct journal *journal;
static int streams[MAX_FDS], stream_count, poller;
static char block[BLOCK_TOKENS * 128], event[128], large[LARGE_BYTES + 256];
static int block_length, event_length, large_length;
static SSL_CTX *tls_context;

static long long clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1LL * SECOND + now.tv_nsec;
}

static long long now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

static int write_event(char *out, long long at_ns) {
    char data[96];
    int length = snprintf(data, sizeof data, "data: {\"t\":%lld.%09lld,\"text\":\" word\"}\n\n",
                          at_ns / SECOND, at_ns % SECOND);
    return sprintf(out, "%x\r\n%s\r\n", length, data);
}

static void make_responses(void) {
    event_length = write_event(event, SECOND);
    for (int i = 0; i < BLOCK_TOKENS; i++) block_length += write_event(block + block_length, SECOND);
    large_length = sprintf(large, HEAD "Content-Length: %d\r\n\r\n{\"message\":\"", LARGE_BYTES);
    int text = LARGE_BYTES - (int)strlen("{\"message\":\"\"}");
    for (int i = 0; i < text; i++) large[large_length++] = " word"[i % 5];
    large_length += sprintf(large + large_length, "\"}");
}

static void watch(int fd, int operation, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    epoll_ctl(poller, operation, fd, &event);
}

static void note(struct connection *connection, int token, long long at_ns) {
    if (journal->entries >= MAX_ENTRIES) return;
    journal->log[journal->entries] =
        (struct entry){.at_ns = at_ns, .stream = connection->stream, .user = connection->user, .token = token};
    journal->entries++;
}

static void leave_stream(struct connection *connection) {
    int last = streams[--stream_count];
    streams[connection->at] = last;
    connections[last]->at = connection->at;
    connection->mode = IDLE;
}

static void drop(int fd) {
    struct connection *connection = connections[fd];
    if (connection->mode == STREAM || connection->mode == CHAT) leave_stream(connection);
    if (connection->tls) SSL_free(connection->tls);
    free(connection);
    connections[fd] = NULL;
    close(fd);
}

static int write_bytes(int fd, const char *bytes, int length) {
    SSL *tls = connections[fd]->tls;
    return tls ? SSL_write(tls, bytes, length) : (int)send(fd, bytes, length, MSG_NOSIGNAL);
}

/* Write something short; a client that lets its socket's buffer run full is dropped. */
static int put(int fd, const char *bytes, int length) {
    if (write_bytes(fd, bytes, length) == length) return 1;
    drop(fd);
    return 0;
}

static void finished(int fd) {
    struct connection *connection = connections[fd];
    connection->mode = IDLE;
    if (connection->counted) {
        journal->responses++;
        journal->last_ns = now_ns();
    }
    if (connection->closing) drop(fd);
}

static void respond(int fd, const char *bytes, int length) {
    if (put(fd, bytes, length)) finished(fd);
}

static void respond_with(int fd, const char *document) {
    char bytes[1024];
    respond(fd, bytes, sprintf(bytes, HEAD "Content-Length: %zu\r\n\r\n%s", strlen(document), document));
}

/* Write blocks while the client takes them. */
static void send_blocks(int fd) {
    struct connection *connection = connections[fd];
    while (connection->left > 0) {
        int sent = send(fd, connection->block + connection->at, connection->block_length - connection->at, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN) drop(fd);
            return;
        }
        connection->at += sent;
        if (connection->at == connection->block_length) {
            connection->at = 0;
            connection->left--;
            if (connection->block == block) journal->written += BLOCK_TOKENS;
        }
    }
    /* The end goes out in one piece or, when the buffer is full, with the next EPOLLOUT. */
    int length = strlen(connection->end);
    if (length && send(fd, connection->end, length, MSG_NOSIGNAL) != length) return;
    watch(fd, EPOLL_CTL_MOD, EPOLLIN);
    finished(fd);
}

/* Write events one by one, at most WRITES_PER_TURN, so that all connections progress. */
static void send_events(int fd) {
    struct connection *connection = connections[fd];
    for (int i = 0; i < WRITES_PER_TURN && connection->left > 0; i++) {
        int sent = send(fd, event + connection->at, event_length - connection->at, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN) drop(fd);
            return;
        }
        connection->at = (connection->at + sent) % event_length;
        if (connection->at) continue;
        connection->left--;
        journal->written++;
    }
    if (connection->left > 0) return;
    int length = sizeof STREAM_END - 1;
    if (send(fd, STREAM_END, length, MSG_NOSIGNAL) != length) return;
    watch(fd, EPOLL_CTL_MOD, EPOLLIN);
    finished(fd);
}

static long long number(const char *text, const char *name, long long otherwise) {
    const char *at = strstr(text, name);
    return at ? atoll(at + strlen(name)) : otherwise;
}

static void begin_stream(int fd, enum mode mode, long long first_us, long long gap_us) {
    struct connection *connection = connections[fd];
    connection->mode = mode;
    connection->gap_ns = gap_us * 1000;
    connection->due_ns = now_ns() + first_us * 1000;
    connection->token = 0;
    connection->at = stream_count;
    streams[stream_count++] = fd;
}

static void begin_chat(int fd) {
    struct connection *connection = connections[fd];
    const char *body = connection->request;
    if (!strstr(body, "\"stream\":true") && !strstr(body, "\"stream\": true")) {
        respond_with(fd, COMPLETION);
        return;
    }
    const char *user = strstr(body, "\"user\":");
    connection->user = user ? atoi(user + 7 + strspn(user + 7, " \"")) : -1;
    connection->stream = journal->streams++;
    connection->left = journal->tokens;
    note(connection, -1, connection->received_ns);
    long long spread_us = journal->spread_us ? rand() % journal->spread_us : 0;
    begin_stream(fd, CHAT, journal->first_us + spread_us, journal->gap_us);
}

static void begin_blocks(int fd, int blocks, const char *bytes, int length, const char *end) {
    struct connection *connection = connections[fd];
    connection->mode = SEND;
    connection->left = blocks;
    connection->at = 0;
    connection->block = bytes;
    connection->block_length = length;
    connection->end = end;
    watch(fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    send_blocks(fd);
}

static void begin_events(int fd) {
    struct connection *connection = connections[fd];
    int no_delay = !number(connection->request, "nagle=", 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
    connection->mode = WRITES;
    connection->left = number(connection->request, "tokens=", 1);
    connection->at = 0;
    watch(fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static int requests_path(const char *request, const char *path) {
    const char *at = strchr(request, ' ');
    return at && !strncmp(at + 1, path, strlen(path));
}

static int is_counted(const char *request) {
    static const char *paths[] = {"/json", "/arrivals", "/large", "/closing", "/stream", "/flood", "/writes", "/v1/chat/completions"};
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++)
        if (requests_path(request, paths[i])) return 1;
    return 0;
}

static void answer(int fd) {
    struct connection *connection = connections[fd];
    const char *request = connection->request;
    connection->length = 0;
    connection->closing = requests_path(request, "/closing");
    connection->counted = is_counted(request);
    if (connection->counted && !journal->requests++) journal->first_ns = connection->received_ns;
    if (requests_path(request, "/arrivals")) {
        connection->stream = journal->streams++;
        note(connection, -1, connection->received_ns);
        respond(fd, JSON, sizeof JSON - 1);
    } else if (requests_path(request, "/json")) respond(fd, JSON, sizeof JSON - 1);
    else if (connection->closing) respond(fd, CLOSING, sizeof CLOSING - 1);
    else if (requests_path(request, "/v1/chat/completions")) begin_chat(fd);
    else if (requests_path(request, "/stream")) {
        connection->left = number(request, "tokens=", 1);
        if (put(fd, STREAM_HEAD, sizeof STREAM_HEAD - 1))
            begin_stream(fd, STREAM, number(request, "first_us=", 0), number(request, "gap_us=", 0));
    } else if (requests_path(request, "/flood")) {
        if (put(fd, STREAM_HEAD, sizeof STREAM_HEAD - 1))
            begin_blocks(fd, number(request, "tokens=", 1) / BLOCK_TOKENS, block, block_length, STREAM_END);
    } else if (requests_path(request, "/writes")) {
        if (put(fd, STREAM_HEAD, sizeof STREAM_HEAD - 1)) begin_events(fd);
    } else if (requests_path(request, "/large")) begin_blocks(fd, 1, large, large_length, "");
    else if (requests_path(request, "/v1/models")) respond_with(fd, MODELS);
    else if (requests_path(request, "/health")) respond(fd, JSON, sizeof JSON - 1);
    else respond(fd, NOT_FOUND, sizeof NOT_FOUND - 1);
}

static int is_complete(const char *request, int length) {
    const char *end = strstr(request, "\r\n\r\n");
    if (!end) return 0;
    const char *field = strcasestr(request, "\r\ncontent-length:");
    int body = field && field < end ? atoi(field + 17) : 0;
    return length >= end + 4 - request + body;
}

/* Read, and note when the kernel received the last bytes: the server may have been busy since then. */
static int receive(int fd, struct connection *connection) {
    char control[256];
    struct iovec part = {connection->request + connection->length, MAX_REQUEST - connection->length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int got = recvmsg(fd, &message, 0);
    connection->received_ns = now_ns();
    for (struct cmsghdr *field = CMSG_FIRSTHDR(&message); got > 0 && field; field = CMSG_NXTHDR(&message, field)) {
        struct timespec at;
        if (field->cmsg_level != SOL_SOCKET || field->cmsg_type != SO_TIMESTAMPNS) continue;
        memcpy(&at, CMSG_DATA(field), sizeof at);
        if (at.tv_sec) connection->received_ns -= clock_ns(CLOCK_REALTIME) - (at.tv_sec * 1LL * SECOND + at.tv_nsec);
    }
    return got;
}

static int receive_encrypted(struct connection *connection) {
    if (!connection->greeted) {
        int result = SSL_accept(connection->tls);
        if (result != 1) return SSL_get_error(connection->tls, result) == SSL_ERROR_WANT_READ ? -1 : 0;
        connection->greeted = 1;
    }
    int got = SSL_read(connection->tls, connection->request + connection->length, MAX_REQUEST - connection->length);
    connection->received_ns = now_ns();
    if (got > 0) return got;
    return SSL_get_error(connection->tls, got) == SSL_ERROR_WANT_READ ? -1 : 0;
}

static void readable(int fd) {
    struct connection *connection = connections[fd];
    errno = 0;
    int got = connection->tls ? receive_encrypted(connection) : receive(fd, connection);
    if (got <= 0) {
        if (got == 0 || (errno && errno != EAGAIN)) drop(fd);
        return;
    }
    connection->length += got;
    connection->request[connection->length] = 0;
    if (is_complete(connection->request, connection->length)) answer(fd);
    else if (connection->length == MAX_REQUEST) drop(fd);
}

static void accept_all(int listener, int is_tls) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= MAX_FDS || !(connections[fd] = calloc(1, sizeof(struct connection)))) {
            close(fd);
            continue;
        }
        if (is_tls) {
            connections[fd]->tls = SSL_new(tls_context);
            SSL_set_fd(connections[fd]->tls, fd);
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(fd, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static int write_chat(struct connection *connection, char *out) {
    char data[1024];
    int length = 0, out_length = 0;
    if (!connection->token) out_length = sprintf(out, "%s", STREAM_HEAD);
    length += sprintf(data + length, CHUNK "{\"index\":0,\"delta\":{%s\"content\":\" word\"},\"finish_reason\":null}]}\n\n",
                      connection->token ? "" : "\"role\":\"assistant\",");
    if (connection->left == 1) {
        int tokens = connection->token + 1;
        length += sprintf(data + length, CHUNK "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
        length += sprintf(data + length, CHUNK "],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n",
                          tokens, tokens + 1);
    }
    return out_length + sprintf(out + out_length, "%x\r\n%s\r\n%s", length, data, connection->left == 1 ? STREAM_END : "");
}

/* Write a token that is due; return whether its stream goes on. */
static int write_token(int fd, long long now) {
    struct connection *connection = connections[fd];
    char out[2048];
    int length = connection->mode == CHAT ? write_chat(connection, out) : write_event(out, now);
    if (connection->mode == CHAT) note(connection, connection->token, now);
    if (!put(fd, out, length)) return 0;
    connection->token++;
    connection->due_ns += connection->gap_ns;
    if (--connection->left > 0) return 1;
    int is_chat = connection->mode == CHAT;
    leave_stream(connection);
    if (is_chat || put(fd, STREAM_END, sizeof STREAM_END - 1)) finished(fd);
    return 0;
}

/* Write what is due; the time of the next event, or -1. */
static long long tick(void) {
    long long next = -1;
    for (int i = stream_count - 1; i >= 0; i--) {
        struct connection *connection = connections[streams[i]];
        long long now = now_ns();
        if (connection->due_ns <= now && !write_token(streams[i], now)) continue;
        if (next < 0 || connection->due_ns < next) next = connection->due_ns;
    }
    return next;
}

static int listen_on_loopback(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096)) exit(1);
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    watch(listener, EPOLL_CTL_ADD, EPOLLIN);
    return listener;
}

static int open_journal(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *journal)) return 0;
    journal = mmap(NULL, sizeof *journal, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return journal != MAP_FAILED;
}

static int open_tls(const char *certificate, const char *key) {
    tls_context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_read_ahead(tls_context, 1);
    return SSL_CTX_use_certificate_chain_file(tls_context, certificate) == 1 &&
           SSL_CTX_use_PrivateKey_file(tls_context, key, SSL_FILETYPE_PEM) == 1;
}

static void serve(int fd, unsigned happened) {
    if (happened & ~(unsigned)EPOLLOUT) readable(fd);
    if (!connections[fd]) return;
    if (connections[fd]->mode == SEND) send_blocks(fd);
    else if (connections[fd]->mode == WRITES) send_events(fd);
}

int main(int count, char **given) {
    struct epoll_event events[MAX_EVENTS];
    prctl(PR_SET_TIMERSLACK, 1UL);
    signal(SIGPIPE, SIG_IGN);  /* OpenSSL writes without MSG_NOSIGNAL */
    make_responses();
    if (count < 2 || !open_journal(given[1])) return 1;
    poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on_loopback(), encrypted = -1;
    if (count == 4) {
        if (!open_tls(given[2], given[3])) return 1;
        encrypted = listen_on_loopback();
    }
    watch(STDIN_FILENO, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        long long next = tick(), wait = next < 0 ? -1 : next - now_ns();
        if (next >= 0 && wait < 0) wait = 0;
        if (journal->awake) next = wait = 0;  /* to wake a sleeping server costs its client several microseconds */
        struct timespec timeout = {.tv_sec = wait / SECOND, .tv_nsec = wait % SECOND};
        int ready = epoll_pwait2(poller, events, MAX_EVENTS, next < 0 ? NULL : &timeout, NULL);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == STDIN_FILENO) return 0;
            if (fd == listener || fd == encrypted) accept_all(fd, fd == encrypted);
            else if (connections[fd]) serve(fd, events[i].events);
        }
    }
}
