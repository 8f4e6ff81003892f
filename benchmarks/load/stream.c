/* Load for servers on TCP: many connections, each asking the requests of a file in turn and checking every answer.
 *
 * The file holds records: a 32-bit big-endian length and the request, then a 32-bit length and octets that the answer
 * has to contain. Records below --setup are asked once on each connection before anything is measured.
 *
 *   stream --protocol ldap|http --port 389 --file requests --connections 16 --depth 1 --setup 0
 *          --count N --seconds S [--rate R] [--status 0] [--entries 1] [--pid SERVER]
 *
 * --status is the result code (LDAP) or the status (HTTP) of every right answer; --entries how many search entries come
 * before a search's result. LDAP requests carry a message ID of four octets, which is set here; answers to several
 * requests on one connection may come in any order.
 *
 * --begin N: with this record first, not the first one; the records are a ring.
 *
 * --tls 1: over TLS, whatever certificate is shown. --fresh 1: every request on a connection of its own, whose opening,
 * setup requests and unbind belong to what is measured. --page N: a search is asked page by page (RFC 2696) until no
 * cookie comes back, and that is one request.
 */
#include "load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define MAX_DEPTH 64
#define MAX_COOKIE 64
#define MAX_PAGED 1024 /* octets of a search that is asked page by page */
#define ROOM (4u << 20)

struct request {
    uint8_t *octets, *needle;
    uint32_t length, needle_length, id_at;
};

struct question {
    uint32_t request, id, entries, finally; /* finally: which request is meant, while those of setup are asked */
    uint64_t due;
    int contained;
    uint8_t cookie[MAX_COOKIE];
    uint32_t cookie_length;
};

struct connection {
    int socket;
    SSL *tls;
    uint8_t *in;
    size_t start, have;
    uint32_t first, waiting, next_id;   /* a ring of questions, in the order of asking unless answers came in another */
    struct question asked[MAX_DEPTH];
};

static struct request *requests;
static uint32_t setup, count_of_requests, next_request, depth, page;
static uint64_t wanted_status, wanted_entries;
static int is_ldap, fresh, port, poll;
static SSL_CTX *tls;

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

static void send_all(struct connection *to, const uint8_t *octets, size_t length)
{
    while (length) {
        ssize_t sent;
        if (to->tls) {
            sent = SSL_write(to->tls, octets, (int)length);
            if (sent <= 0 && SSL_get_error(to->tls, (int)sent) != SSL_ERROR_WANT_WRITE)
                fail("SSL_write");
        } else {
            sent = send(to->socket, octets, length, MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN)
                fail("send");
        }
        if (sent > 0)
            octets += sent, length -= (size_t)sent;
    }
}

/* How many octets came: 0 at the end of the connection, -1 when there are none yet. */
static ssize_t receive_some(struct connection *from, uint8_t *room, size_t size)
{
    if (from->tls) {
        int got = SSL_read(from->tls, room, (int)size);
        if (got > 0)
            return got;
        int why = SSL_get_error(from->tls, got);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_ZERO_RETURN)
            fail("SSL_read");
        return why == SSL_ERROR_WANT_READ ? -1 : 0;
    }
    ssize_t got = recv(from->socket, room, size, 0);
    if (got < 0 && errno != EAGAIN)
        fail("recv");
    return got;
}

/* The request with a control that asks for one page, after the cookie of the last one; its length. */
static size_t paged(const struct request *one, const struct question *question, uint8_t *out)
{
    static const char OID[] = "1.2.840.113556.1.4.319";
    uint32_t header = one->id_at - 2, length = one->length - header, cookie = question->cookie_length;
    uint8_t value[] = {0x04, (uint8_t)(10 + cookie), 0x30, (uint8_t)(8 + cookie), 0x02, 0x04,
                       (uint8_t)(page >> 24), (uint8_t)(page >> 16), (uint8_t)(page >> 8), (uint8_t)page,
                       0x04, (uint8_t)cookie};
    uint32_t control = 2 + sizeof OID - 1 + sizeof value + cookie, whole = length + 4 + control;
    uint8_t outer[] = {0x30, 0x84, (uint8_t)(whole >> 24), (uint8_t)(whole >> 16), (uint8_t)(whole >> 8), (uint8_t)whole};
    uint8_t head[] = {0xa0, (uint8_t)(control + 2), 0x30, (uint8_t)control, 0x04, sizeof OID - 1};
    uint8_t *at = out;
    at = mempcpy(at, outer, sizeof outer);
    at = mempcpy(at, one->octets + header, length);
    at = mempcpy(at, head, sizeof head);
    at = mempcpy(at, OID, sizeof OID - 1);
    at = mempcpy(at, value, sizeof value);
    at = mempcpy(at, question->cookie, cookie);
    return (size_t)(at - out);
}

/* Sends what the question asks now, under an ID of its own. */
static void put(struct connection *on, struct question *question)
{
    struct request *one = &requests[question->request];
    question->id = ++on->next_id & 0x7fffffff;
    question->contained = one->needle_length == 0;
    if (is_ldap)
        for (int i = 0; i < 4; i++)
            one->octets[one->id_at + i] = (uint8_t)(question->id >> (24 - 8 * i));
    if (page && question->request >= setup) {
        uint8_t octets[MAX_PAGED + 2 * MAX_COOKIE];
        send_all(on, octets, paged(one, question, octets));
    } else
        send_all(on, one->octets, one->length);
}

static void ask(struct connection *on, uint32_t number, uint32_t finally, uint64_t due)
{
    struct question *question = &on->asked[(on->first + on->waiting++) % MAX_DEPTH];
    *question = (struct question){.request = number, .finally = finally, .due = due};
    put(on, question);
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

enum { INCOMPLETE, MORE, AGAIN, RIGHT, WRONG };

static void look_for_needle(struct question *question, const uint8_t *in, size_t length)
{
    struct request *one = &requests[question->request];
    if (!question->contained)
        question->contained = memmem(in, length, one->needle, one->needle_length) != NULL;
}

/* Keeps the cookie of the paged results control, the only one, at octets; 0 if there is none. */
static int keep_cookie(struct question *question, const uint8_t *octets, size_t have)
{
    static const uint8_t WAY[] = {0xa0, 0x30, 0x04, 0x04, 0x30, 0x02, 0x04}; /* into, into, over, into, into, over, into */
    static const int OVER[] = {0, 0, 1, 0, 0, 1, 0};
    size_t at = 0, header, whole = 0;
    for (size_t step = 0; step < sizeof WAY; step++) {
        whole = element(octets + at, have - at, &header);
        if (!whole || whole > have - at || octets[at] != WAY[step])
            return 0;
        at += OVER[step] ? whole : header;
    }
    question->cookie_length = (uint32_t)(whole - header);
    if (question->cookie_length > MAX_COOKIE)
        fail("a cookie is too long");
    memcpy(question->cookie, octets + at, question->cookie_length);
    return 1;
}

/* One LDAPMessage. Sets *taken, and *whose answer it is; where no question has its ID, it is a wrong answer to any. */
static int ldap_answer(struct connection *on, const uint8_t *in, size_t *taken, struct question **whose)
{
    size_t outer, inner, code, at, after, whole = element(in, on->have, &outer);
    if (!whole || on->have < whole)
        return INCOMPLETE;
    *taken = whole;
    at = outer;
    uint32_t id = 0;
    if (in[0] != 0x30 || in[at] != 0x02)
        return WRONG;
    for (size_t i = 0; i < in[at + 1]; i++)
        id = id << 8 | in[at + 2 + i];
    at += 2 + in[at + 1];
    for (uint32_t i = 0; i < on->waiting && (*whose)->id != id; i++)
        *whose = &on->asked[(on->first + i) % MAX_DEPTH];
    struct question *question = *whose;
    if (id != question->id)
        return WRONG;
    look_for_needle(question, in, whole);
    if (in[at] == 0x64) {
        question->entries++;
        return MORE;
    }
    uint8_t tag = in[at];
    after = at + element(in + at, whole - at, &inner);
    code = at + inner;
    if ((tag != 0x61 && tag != 0x65) || in[code] != 0x0a || in[code + 1] != 1 || in[code + 2] != wanted_status)
        return WRONG;
    if (tag == 0x65 && page) {
        if (!keep_cookie(question, in + after, whole - after))
            return WRONG;
        if (question->cookie_length)
            return AGAIN;
    }
    if (!question->contained || (tag == 0x65 && question->entries != wanted_entries))
        return WRONG;
    if (question->request == question->finally)
        return RIGHT;
    question->request = question->request + 1 < setup ? question->request + 1 : question->finally;
    question->entries = 0;
    return AGAIN;
}

/* One HTTP/1.1 answer with Content-Length, or without a body. Sets *taken. */
static int http_answer(struct connection *on, const uint8_t *in, size_t *taken, struct question **whose)
{
    struct question *question = *whose;
    size_t have = on->have;
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

static void hang_up(struct connection *on)
{
    static const uint8_t UNBIND[] = {0x30, 0x05, 0x02, 0x01, 0x7f, 0x42, 0x00};
    if (is_ldap)
        send_all(on, UNBIND, sizeof UNBIND);
    if (on->tls) {
        SSL_shutdown(on->tls);
        SSL_free(on->tls);
        on->tls = NULL;
    }
    close(on->socket);
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
    ssize_t got = receive_some(on, on->in + on->start + on->have, ROOM - on->start - on->have);
    if (got == 0) {
        errno = 0;
        fail("the server closed a connection");
    }
    if (got < 0)
        return;
    on->have += (size_t)got;
    run.octets += (uint64_t)got;
    uint64_t at = now();
    while (on->waiting && on->have) {
        struct question *first = &on->asked[on->first], *whose = first;
        size_t taken = 0;
        const uint8_t *in = on->in + on->start;
        int verdict = is_ldap ? ldap_answer(on, in, &taken, &whose) : http_answer(on, in, &taken, &whose);
        if (verdict == INCOMPLETE)
            break;
        on->start += taken;
        on->have -= taken;
        if (verdict == MORE)
            continue;
        if (verdict == AGAIN) {
            int contained = whose->contained && whose->cookie_length;
            put(on, whose);
            whose->contained |= contained;
            continue;
        }
        uint64_t due = whose->due;
        *whose = *first;
        on->first = (on->first + 1) % MAX_DEPTH;
        on->waiting--;
        if (measured) {
            run.answered++;
            record(at > due ? at - due : 0);
            run.wrong += verdict == WRONG;
            if (fresh)
                hang_up(on);
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

static void dial(struct connection *on)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int yes = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    on->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (on->socket < 0 || connect(on->socket, (struct sockaddr *)&to, sizeof to))
        fail("connect");
    setsockopt(on->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (tls) {
        on->tls = SSL_new(tls);
        if (!on->tls || SSL_set_fd(on->tls, on->socket) != 1 || SSL_connect(on->tls) != 1)
            fail("SSL_connect");
    }
}

/* From here on nothing waits for this connection alone. */
static void watch(struct connection *on)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = on};
    fcntl(on->socket, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(poll, EPOLL_CTL_ADD, on->socket, &event))
        fail("epoll_ctl");
}

static void open_connection(struct connection *on)
{
    dial(on);
    for (uint32_t number = 0; number < setup; number++) {
        ask(on, number, number, 0);
        while (on->waiting)
            receive(on, 0);
    }
    watch(on);
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
    page = (uint32_t)number_argument("page", "0");
    fresh = number_argument("fresh", "0") > 0;
    port = (int)number_argument("port", NULL);
    read_requests(text_argument("file", NULL));
    next_request = (uint32_t)(number_argument("begin", "0")) % (count_of_requests - setup);
    if (!many || !depth || depth > MAX_DEPTH || ((page || fresh) && depth > 1))
        fail("there must be connections, and at most 64 requests on each; of pages and fresh connections, one");
    for (uint32_t i = setup; page && i < count_of_requests; i++)
        if (requests[i].length > MAX_PAGED)
            fail("a search is too long to be asked page by page");
    if (number_argument("tls", "0") > 0) {
        tls = SSL_CTX_new(TLS_client_method());
        if (!tls)
            fail("SSL_CTX_new");
        SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    struct connection *connections = allocate(many * sizeof *connections);
    poll = epoll_create1(EPOLL_CLOEXEC);
    wanted_status = is_ldap ? 0 : 200;
    for (uint32_t i = 0; i < many; i++) {
        connections[i].in = allocate(ROOM);
        if (!fresh)
            open_connection(&connections[i]);
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
            uint64_t since = run.interval > 0 ? due : now();
            uint32_t number = following_request();
            if (fresh) {
                dial(on);
                watch(on);
            }
            ask(on, fresh && setup ? 0 : number, number, since);
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
