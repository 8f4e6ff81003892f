/* Load for a RADIUS server: Access-Requests with PAP and Message-Authenticator, many outstanding on several sockets.
 *
 * Every request has an authenticator of its own, so that no server can take it for a duplicate. The file holds lines
 * "name<TAB>password", or "name<TAB><TAB>attributes in hexadecimal" for another proof: an MS-CHAP2-Response and its
 * challenge, say, which depend on neither secret nor authenticator. With --asked 4 they are Accounting-Requests that
 * begin a session each. Each answer's code and identifier are checked, and of every 16th its Response Authenticator.
 *
 *   radius --port 1812 --file users --secret S --sockets 8 --outstanding 16 --count N --seconds S [--rate R]
 *          [--asked 1] [--code 2] [--patience 5] [--sources 1] [--pid SERVER]
 *
 * With --sources N the sockets stand at 127.0.0.1 and the N - 1 addresses behind it in turn, as so many NAS.
 */
#include "load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#define MAX_SOCKETS 32
#define VERIFY_EVERY 16

/* --- MD5 (RFC 1321) and HMAC-MD5 (RFC 2104), whose keyed halves are made once --- */

struct md5 {
    uint32_t state[4];
    uint64_t length;
    uint8_t block[64];
};

static uint32_t sines[64];

static void make_sines(void)
{
    for (int i = 0; i < 64; i++)
        sines[i] = (uint32_t)(__builtin_fabs(__builtin_sin(i + 1)) * 4294967296.0);
}

static void md5_block(uint32_t state[4], const uint8_t *block)
{
    static const uint8_t turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], words[16];
    memcpy(words, block, 64); /* little-endian machines only, as the makers of this harness have */
    for (unsigned i = 0; i < 64; i++) {
        uint32_t f, next = d;
        unsigned word;
        switch (i / 16) {
        case 0: f = (b & c) | (~b & d), word = i; break;
        case 1: f = (d & b) | (~d & c), word = (5 * i + 1) % 16; break;
        case 2: f = b ^ c ^ d, word = (3 * i + 5) % 16; break;
        default: f = c ^ (b | ~d), word = 7 * i % 16;
        }
        f += a + sines[i] + words[word];
        unsigned turn = turns[i / 16][i % 4];
        a = next, d = c, c = b;
        b += f << turn | f >> (32 - turn);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
}

static void md5_start(struct md5 *sum)
{
    *sum = (struct md5){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
}

static void md5_add(struct md5 *sum, const void *octets, size_t length)
{
    const uint8_t *from = octets;
    for (; length; length--) {
        sum->block[sum->length++ % 64] = *from++;
        if (sum->length % 64 == 0)
            md5_block(sum->state, sum->block);
    }
}

static void md5_end(struct md5 *sum, uint8_t digest[16])
{
    uint64_t bits = sum->length * 8;
    md5_add(sum, "\x80", 1);
    while (sum->length % 64 != 56)
        md5_add(sum, "", 1);
    md5_add(sum, &bits, 8);
    memcpy(digest, sum->state, 16);
}

static struct md5 inner_half, outer_half;

static void hmac_key(const uint8_t *secret, size_t length)
{
    uint8_t inner[64], outer[64];
    if (length > 64)
        fail("a secret of at most 64 octets is needed");
    for (size_t i = 0; i < 64; i++) {
        uint8_t octet = i < length ? secret[i] : 0;
        inner[i] = octet ^ 0x36, outer[i] = octet ^ 0x5c;
    }
    md5_start(&inner_half), md5_add(&inner_half, inner, 64);
    md5_start(&outer_half), md5_add(&outer_half, outer, 64);
}

static void hmac_md5(const uint8_t *octets, size_t length, uint8_t digest[16])
{
    struct md5 sum = inner_half;
    md5_add(&sum, octets, length), md5_end(&sum, digest);
    sum = outer_half;
    md5_add(&sum, digest, 16), md5_end(&sum, digest);
}

/* --- requests --- */

#define ACCESS_REQUEST 1
#define ACCOUNTING_REQUEST 4
#define MAX_PROOF 256

struct user {
    const char *name, *password;
    uint8_t *proof; /* instead of the password */
    size_t proof_length;
};

struct slot {
    uint8_t authenticator[16];
    uint64_t due;
    int waiting;
};

struct door {
    int socket;
    uint32_t waiting;
    uint8_t next;
    struct slot slots[256]; /* by identifier */
};

static struct user *users;
static size_t count_of_users, next_user;
static const char *secret;
static size_t secret_length;
static uint64_t counter, random_state, patience_for_one;
static uint8_t asked_code;

static uint64_t random_number(void)
{
    random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
    return random_state;
}

static void read_proof(struct user *user, const char *digits)
{
    size_t length = strlen(digits) / 2;
    if (!length || length > MAX_PROOF)
        fail("a proof takes 1 to 256 octets");
    user->proof = allocate(length), user->proof_length = length;
    for (size_t i = 0; i < length; i++)
        if (sscanf(digits + 2 * i, "%2hhx", &user->proof[i]) != 1)
            fail("a proof is written in hexadecimal");
}

static void read_users(const char *path)
{
    size_t size;
    char *text = (char *)read_whole(path, &size), *line, *rest = text;
    users = allocate((size / 3 + 1) * sizeof *users);
    while ((line = strsep(&rest, "\n")))
        if (*line) {
            char *name = strsep(&line, "\t"), *password = strsep(&line, "\t");
            struct user *user = &users[count_of_users++];
            *user = (struct user){.name = name, .password = password ? password : ""};
            if (line)
                read_proof(user, line);
        }
    if (!count_of_users)
        fail("the file holds no users");
}

static uint8_t *attribute(uint8_t *at, uint8_t number, const void *value, size_t length)
{
    *at++ = number, *at++ = (uint8_t)(length + 2);
    memcpy(at, value, length);
    return at + length;
}

/* RFC 2865 section 5.2 */
static uint8_t *user_password(uint8_t *at, const char *password, const uint8_t authenticator[16])
{
    uint8_t hidden[128] = {0};
    size_t length = strlen(password), padded = length ? (length + 15) / 16 * 16 : 16;
    const uint8_t *chain = authenticator;
    if (padded > sizeof hidden)
        fail("a password of at most 128 octets is needed");
    memcpy(hidden, password, length);
    for (size_t block = 0; block < padded; block += 16) {
        struct md5 sum;
        uint8_t pad[16];
        md5_start(&sum), md5_add(&sum, secret, secret_length), md5_add(&sum, chain, 16), md5_end(&sum, pad);
        for (int i = 0; i < 16; i++)
            hidden[block + i] ^= pad[i];
        chain = hidden + block;
    }
    return attribute(at, 2, hidden, padded);
}

/* What begins a session that nobody has had before (RFC 2866 sections 5.1 and 5.5). */
static uint8_t *beginning(uint8_t *at)
{
    static const uint8_t start[4] = {0, 0, 0, 1};
    char session[33];
    unsigned long long first = run.begun, second = counter;
    int length = snprintf(session, sizeof session, "%llx-%llx", first, second);
    at = attribute(at, 40, start, 4);
    return attribute(at, 44, session, (size_t)length);
}

static size_t build(uint8_t packet[512], uint8_t identifier, uint8_t authenticator[16])
{
    static const uint8_t address[4] = {127, 0, 0, 1}, framed[4] = {0, 0, 0, 2}, wireless[4] = {0, 0, 0, 19};
    static const uint8_t zeros[16];
    const struct user *user = &users[next_user++ % count_of_users];
    uint8_t port[4], *at = packet + 20, *signature = NULL;
    for (int i = 0; i < 4; i++)
        port[i] = (uint8_t)(counter >> (24 - 8 * i));
    packet[0] = asked_code, packet[1] = identifier;
    if (asked_code == ACCESS_REQUEST)
        at = attribute(at, 80, zeros, 16), signature = at - 16;
    at = attribute(at, 1, user->name, strlen(user->name));
    if (asked_code == ACCOUNTING_REQUEST)
        at = beginning(at);
    else if (user->proof)
        memcpy(at, user->proof, user->proof_length), at += user->proof_length;
    else
        at = user_password(at, user->password, authenticator);
    at = attribute(at, 4, address, 4);
    at = attribute(at, 5, port, 4);
    at = attribute(at, 6, framed, 4);
    at = attribute(at, 61, wireless, 4);
    at = attribute(at, 31, "02-00-00-00-00-01", 17);
    at = attribute(at, 30, "02-00-00-00-00-02:bench", 23);
    size_t size = (size_t)(at - packet);
    packet[2] = (uint8_t)(size >> 8), packet[3] = (uint8_t)size;
    if (asked_code == ACCOUNTING_REQUEST) { /* RFC 2866 section 3: it is the signature */
        struct md5 sum;
        memset(packet + 4, 0, 16);
        md5_start(&sum), md5_add(&sum, packet, size), md5_add(&sum, secret, secret_length);
        md5_end(&sum, authenticator);
    }
    memcpy(packet + 4, authenticator, 16);
    if (signature)
        hmac_md5(packet, size, signature);
    return size;
}

static void ask(struct door *door, uint64_t due)
{
    while (door->slots[door->next].waiting)
        door->next++;
    uint8_t identifier = door->next++, packet[512];
    struct slot *slot = &door->slots[identifier];
    uint64_t part = random_number();
    memcpy(slot->authenticator, &part, 8);
    counter++;
    memcpy(slot->authenticator + 8, &counter, 8);
    slot->due = due, slot->waiting = 1;
    size_t size = build(packet, identifier, slot->authenticator);
    while (send(door->socket, packet, size, MSG_NOSIGNAL) < 0)
        if (errno != EAGAIN && errno != ENOBUFS)
            fail("send");
    door->waiting++;
    run.asked++;
}

/* RFC 2865 section 3 */
static int is_signed(uint8_t *packet, size_t size, const uint8_t asked[16])
{
    uint8_t said[16], digest[16];
    struct md5 sum;
    memcpy(said, packet + 4, 16);
    memcpy(packet + 4, asked, 16);
    md5_start(&sum), md5_add(&sum, packet, size), md5_add(&sum, secret, secret_length), md5_end(&sum, digest);
    return !memcmp(said, digest, 16);
}

static void receive(struct door *door, uint8_t wanted_code)
{
    uint8_t packet[4096];
    ssize_t got;
    while ((got = recv(door->socket, packet, sizeof packet, MSG_DONTWAIT)) >= 0) {
        struct slot *slot = &door->slots[packet[1]];
        if (got < 20 || !slot->waiting) {
            run.wrong++;
            continue;
        }
        uint64_t at = now();
        slot->waiting = 0, door->waiting--;
        run.octets += (uint64_t)got;
        int right = packet[0] == wanted_code && (packet[2] << 8 | packet[3]) == got;
        if (right && run.answered % VERIFY_EVERY == 0)
            right = is_signed(packet, (size_t)got, slot->authenticator);
        run.answered++, run.wrong += !right;
        record(at > slot->due ? at - slot->due : 0);
    }
    if (errno != EAGAIN)
        fail("recv");
}

/* What has not been answered in time is lost, and its identifier free again. */
static void give_up_on(struct door *door, uint64_t at)
{
    for (int i = 0; i < 256; i++)
        if (door->slots[i].waiting && at > door->slots[i].due + patience_for_one) {
            door->slots[i].waiting = 0, door->waiting--;
            run.lost++;
        }
}

int main(int argc, char **argv)
{
    count_of_arguments = argc, arguments = argv;
    make_sines();
    secret = text_argument("secret", NULL), secret_length = strlen(secret);
    hmac_key((const uint8_t *)secret, secret_length);
    read_users(text_argument("file", NULL));
    uint32_t many = (uint32_t)number_argument("sockets", "8"), most = (uint32_t)number_argument("outstanding", "16");
    asked_code = (uint8_t)number_argument("asked", "1");
    if (asked_code != ACCESS_REQUEST && asked_code != ACCOUNTING_REQUEST)
        fail("--asked 1 or 4");
    uint8_t code = (uint8_t)number_argument("code", asked_code == ACCESS_REQUEST ? "2" : "5");
    patience_for_one = (uint64_t)(number_argument("patience", "5") * SECOND);
    if (!many || many > MAX_SOCKETS || !most || most > 200)
        fail("1 to 32 sockets, and 1 to 200 requests outstanding on each");
    uint32_t sources = (uint32_t)number_argument("sources", "1");
    if (!sources || sources > MAX_SOCKETS)
        fail("1 to 32 sources");
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number_argument("port", NULL))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct door *doors = allocate(many * sizeof *doors);
    struct pollfd polled[MAX_SOCKETS];
    int room = 4 << 20;
    for (uint32_t i = 0; i < many; i++) {
        struct sockaddr_in from = {.sin_family = AF_INET};
        from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i % sources);
        doors[i].socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (doors[i].socket < 0 || bind(doors[i].socket, (struct sockaddr *)&from, sizeof from)
            || connect(doors[i].socket, (struct sockaddr *)&to, sizeof to))
            fail("connect");
        setsockopt(doors[i].socket, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
        polled[i] = (struct pollfd){.fd = doors[i].socket, .events = POLLIN};
    }
    begin_run(10);
    random_state = run.begun | 1;
    uint32_t turn = 0;
    uint64_t looked = run.begun;
    for (;;) {
        uint64_t at = now(), due = next_due(at);
        for (uint32_t busy = 0; due <= at && busy < many; turn = (turn + 1) % many) {
            if (doors[turn].waiting >= most) {
                busy++;
                continue;
            }
            busy = 0;
            ask(&doors[turn], run.interval > 0 ? due : now());
            due = next_due(at);
        }
        if (run.answered + run.lost == run.asked && due == UINT64_MAX)
            break;
        if (at - looked > SECOND / 2) {
            looked = at;
            for (uint32_t i = 0; i < many; i++)
                give_up_on(&doors[i], at);
        }
        uint64_t wait = due == UINT64_MAX || due <= at ? SECOND / 10 : due - at;
        struct timespec patience = {.tv_sec = (time_t)(wait / SECOND), .tv_nsec = (long)(wait % SECOND)};
        if (ppoll(polled, many, &patience, NULL) > 0)
            for (uint32_t i = 0; i < many; i++)
                if (polled[i].revents)
                    receive(&doors[i], code);
    }
    return finish_run();
}
