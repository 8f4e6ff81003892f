/* Load for servers on TCP: many connections, each asking the requests of a file in turn and checking every answer.
 *
 * The file holds records: a 32-bit big-endian length and the request, then a 32-bit length and octets that the answer
 * has to contain. Records below --setup are asked once on each connection before anything is measured.
 *
 *   stream --protocol ldap|http --port 389 --file requests --connections 16 --depth 1 --setup 0
 *          --count N --seconds S [--rate R] [--status 0] [--entries 1] [--pid SERVER]
 *
 * --status is the result code (LDAP) or the status (HTTP) of every right answer; --entries how many search entries come
 * before a search's result. LDAP requests carry a message ID of four octets, which is set here.
 */
#include "load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define MAX_DEPTH 64
#define ROOM (4u << 20)

struct request {
    uint8_t *octets, *needle;
    uint32_t length, needle_length, id_at;
};

struct question {
    uint32_t request, id, entries;
    uint64_t due;
    int contained;
};

struct connection {
    int socket;
    uint8_t *in;
    size_t start, have;
    uint32_t first, waiting, next_id;   /* a ring of questions, answered in order */
    struct question asked[MAX_DEPTH];
};

static struct request *requests;
static uint32_t setup, count_of_requests, next_request, depth;
static uint64_t wanted_status, wanted_entries;
static int is_ldap;

static uint32_t read_length(const uint8_t *at) { return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3]; }

static void read_requests(const char *path)
{
    size_t size, at = 0;
    uint8_t *file = read_whole(path, &size);
    requests = allocate((size / 8 + 1) * sizeof *requests);
    while (at < size) {
        struct request *one = &requests[count_of_requests++];
        one->length = read_length(file + at);
        one->octets = file + at + 4;
        at += 4 + one->length;
        one->needle_length = read_length(file + at);
        one->needle = file + at + 4;
        at += 4 + one->needle_length;
        if (is_ldap) { /* 30 len 02 04 id.. */
            uint32_t header = one->octets[1] < 0x80 ? 2 : 2 + (one->octets[1] & 0x7f);
            one->id_at = header + 2;
            if (one->octets[header] != 2 || one->octets[header + 1] != 4)
                fail("a message ID of four octets is needed");
        }
    }
    if (count_of_requests <= setup)
        fail("the file holds no requests");
}

static void send_all(int to, const uint8_t *octets, size_t length)
{
    while (length) {
        ssize_t sent = send(to, octets, length, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            fail("send");
        if (sent > 0)
            octets += sent, length -= (size_t)sent;
    }
}

static void ask(struct connection *on, uint32_t number, uint64_t due)
{
    struct request *one = &requests[number];
    struct question *question = &on->asked[(on->first + on->waiting++) % MAX_DEPTH];
    *question = (struct question){.request = number, .id = ++on->next_id & 0x7fffffff, .due = due};
    question->contained = one->needle_length == 0;
    if (is_ldap)
        for (int i = 0; i < 4; i++)
            one->octets[one->id_at + i] = (uint8_t)(question->id >> (24 - 8 * i));
    send_all(on->socket, one->octets, one->length);
}

/* An element's header at octets; 0 while it is incomplete, else the octets that header and value take. */
static size_t element(const uint8_t *octets, size_t have, size_t *header)
{
    if (have < 2)
        return 0;
    size_t length = octets[1];
    *header = 2;
    if (length >= 0x80) {
        size_t many = length & 0x7f;
        if (many > 4 || have < 2 + many)
            return 0;
        length = 0;
        for (size_t i = 0; i < many; i++)
            length = length << 8 | octets[2 + i];
        *header = 2 + many;
    }
    return *header + length;
}

enum { INCOMPLETE, MORE, RIGHT, WRONG };

static void look_for_needle(struct question *question, const uint8_t *in, size_t length)
{
    struct request *one = &requests[question->request];
    if (!question->contained)
        question->contained = memmem(in, length, one->needle, one->needle_length) != NULL;
}

/* One LDAPMessage. Sets *taken. */
static int ldap_answer(struct question *question, const uint8_t *in, size_t have, size_t *taken)
{
    size_t outer, inner, code, at, whole = element(in, have, &outer);
    if (!whole || have < whole)
        return INCOMPLETE;
    *taken = whole;
    at = outer;
    uint32_t id = 0;
    if (in[0] != 0x30 || in[at] != 0x02)
        return WRONG;
    for (size_t i = 0; i < in[at + 1]; i++)
        id = id << 8 | in[at + 2 + i];
    at += 2 + in[at + 1];
    if (id != question->id)
        return WRONG;
    look_for_needle(question, in, whole);
    if (in[at] == 0x64) {
        question->entries++;
        return MORE;
    }
    uint8_t tag = in[at];
    element(in + at, whole - at, &inner);
    code = at + inner;
    if ((tag != 0x61 && tag != 0x65) || in[code] != 0x0a || in[code + 1] != 1 || in[code + 2] != wanted_status)
        return WRONG;
    return question->contained && (tag == 0x61 || question->entries == wanted_entries) ? RIGHT : WRONG;
}

/* One HTTP/1.1 answer with Content-Length, or without a body. Sets *taken. */
static int http_answer(struct question *question, const uint8_t *in, size_t have, size_t *taken)
{
    const uint8_t *end = memmem(in, have, "\r\n\r\n", 4);
    if (!end)
        return INCOMPLETE;
    size_t head = (size_t)(end - in) + 4, body = 0;
    unsigned long status = strtoul((const char *)in + 9, NULL, 10);
    for (const uint8_t *line = in; (line = memchr(line, '\n', (size_t)(end - line))); line++)
        if (!strncasecmp((const char *)line + 1, "content-length:", 15))
            body = strtoul((const char *)line + 16, NULL, 10);
    if (have < head + body)
        return INCOMPLETE;
    *taken = head + body;
    look_for_needle(question, in, *taken);
    return status == wanted_status && question->contained ? RIGHT : WRONG;
}

/* Reads what there is and settles it. */
static void receive(struct connection *on, int measured)
{
    if (on->start && on->start + on->have > ROOM / 2) {
        memmove(on->in, on->in + on->start, on->have);
        on->start = 0;
    }
    if (on->start + on->have >= ROOM)
        fail("an answer is too large");
    ssize_t got = recv(on->socket, on->in + on->start + on->have, ROOM - on->start - on->have, 0);
    if (got == 0) {
        errno = 0;
        fail("the server closed a connection");
    }
    if (got < 0) {
        if (errno == EAGAIN)
            return;
        fail("recv");
    }
    on->have += (size_t)got;
    run.octets += (uint64_t)got;
    uint64_t at = now();
    while (on->waiting && on->have) {
        struct question *question = &on->asked[on->first];
        size_t taken = 0;
        const uint8_t *in = on->in + on->start;
        int verdict = is_ldap ? ldap_answer(question, in, on->have, &taken) : http_answer(question, in, on->have, &taken);
        if (verdict == INCOMPLETE)
            break;
        on->start += taken;
        on->have -= taken;
        if (verdict == MORE)
            continue;
        on->first = (on->first + 1) % MAX_DEPTH;
        on->waiting--;
        if (measured) {
            run.answered++;
            record(at > question->due ? at - question->due : 0);
            run.wrong += verdict == WRONG;
        } else if (verdict == WRONG) {
            errno = 0;
            fail("a setup request was answered wrongly");
        }
    }
    if (!on->have)
        on->start = 0;
    else if (!on->waiting) {
        errno = 0;
        fail("the server says more than it was asked");
    }
}

static void open_connection(struct connection *on, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int yes = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    on->in = allocate(ROOM);
    on->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (on->socket < 0 || connect(on->socket, (struct sockaddr *)&to, sizeof to))
        fail("connect");
    setsockopt(on->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    for (uint32_t number = 0; number < setup; number++) {
        ask(on, number, 0);
        while (on->waiting)
            receive(on, 0);
    }
    fcntl(on->socket, F_SETFL, O_NONBLOCK);
}

static uint32_t following_request(void)
{
    uint32_t number = setup + next_request;
    next_request = (next_request + 1) % (count_of_requests - setup);
    return number;
}

int main(int argc, char **argv)
{
    count_of_arguments = argc, arguments = argv;
    is_ldap = !strcmp(text_argument("protocol", NULL), "ldap");
    uint32_t many = (uint32_t)number_argument("connections", "16");
    depth = (uint32_t)number_argument("depth", "1");
    setup = (uint32_t)number_argument("setup", "0");
    wanted_entries = (uint64_t)number_argument("entries", "1");
    read_requests(text_argument("file", NULL));
    if (!many || !depth || depth > MAX_DEPTH)
        fail("there must be connections, and at most 64 requests on each");
    struct connection *connections = allocate(many * sizeof *connections);
    int port = (int)number_argument("port", NULL), poll = epoll_create1(EPOLL_CLOEXEC);
    wanted_status = is_ldap ? 0 : 200;
    for (uint32_t i = 0; i < many; i++) {
        open_connection(&connections[i], port);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].socket, &event))
            fail("epoll_ctl");
    }
    wanted_status = (uint64_t)number_argument("status", is_ldap ? "0" : "200");
    run.octets = 0;
    begin_run(10);
    uint32_t turn = 0;
    for (;;) {
        uint64_t at = now(), due = next_due(at);
        /* Give to whoever has room, round and round, until nothing is due or everybody is busy. */
        for (uint32_t busy = 0; due <= at && busy < many; turn = (turn + 1) % many) {
            struct connection *on = &connections[turn];
            if (on->waiting >= depth) {
                busy++;
                continue;
            }
            busy = 0;
            ask(on, following_request(), run.interval > 0 ? due : now());
            run.asked++;
            due = next_due(at);
        }
        if (run.answered == run.asked && due == UINT64_MAX)
            break;
        if (at > run.give_up) {
            run.lost = run.asked - run.answered;
            break;
        }
        uint64_t wait = due == UINT64_MAX || due <= at ? SECOND / 10 : due - at;
        struct timespec patience = {.tv_sec = (time_t)(wait / SECOND), .tv_nsec = (long)(wait % SECOND)};
        struct epoll_event events[64];
        int ready = epoll_pwait2(poll, events, 64, &patience, NULL);
        for (int i = 0; i < ready; i++)
            receive(events[i].data.ptr, 1);
    }
    return finish_run();
}
