/* What the load generators share: clocks, arguments, pacing, a latency histogram, and one line of JSON at the end. */
#ifndef LOAD_H
#define LOAD_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ull

static void fail(const char *what)
{
    if (errno)
        perror(what);
    else
        fprintf(stderr, "%s\n", what);
    exit(1);
}

static uint64_t nanoseconds(clockid_t clock)
{
    struct timespec at;
    if (clock_gettime(clock, &at))
        fail("clock_gettime");
    return (uint64_t)at.tv_sec * SECOND + (uint64_t)at.tv_nsec;
}

static uint64_t now(void) { return nanoseconds(CLOCK_MONOTONIC); }

/* The CPU clock of another process, all of its threads included, dead ones too; clock_getcpuclockid(3) makes the same
 * number. */
static uint64_t process_cpu(pid_t pid) { return pid ? nanoseconds((clockid_t)((~(unsigned)pid << 3) | 2)) : 0; }

/* --- latencies: 32 steps for each power of two, so that a figure is right to 3 %. --- */

#define STEPS 32
static uint64_t histogram[64 * STEPS], recorded, longest;

static unsigned slot_of(uint64_t value)
{
    if (value < STEPS)
        return (unsigned)value;
    unsigned power = 63 - (unsigned)__builtin_clzll(value);
    return (power - 4) * STEPS + (unsigned)((value >> (power - 5)) & (STEPS - 1));
}

static uint64_t value_of(unsigned slot)
{
    if (slot < STEPS)
        return slot;
    unsigned power = slot / STEPS + 4;
    return (1ull << power) + ((uint64_t)(slot % STEPS) << (power - 5));
}

static void record(uint64_t latency)
{
    histogram[slot_of(latency)]++;
    recorded++;
    if (latency > longest)
        longest = latency;
}

static double percentile(double share)
{
    uint64_t wanted = (uint64_t)(share * (double)recorded), seen = 0;
    for (unsigned slot = 0; slot < 64 * STEPS; slot++) {
        seen += histogram[slot];
        if (seen > wanted)
            return (double)value_of(slot) / 1e6;
    }
    return (double)longest / 1e6;
}

/* --- arguments: --name value, and nothing else --- */

static int count_of_arguments;
static char **arguments;

static const char *text_argument(const char *name, const char *otherwise)
{
    for (int i = 1; i + 1 < count_of_arguments; i += 2)
        if (!strncmp(arguments[i], "--", 2) && !strcmp(arguments[i] + 2, name))
            return arguments[i + 1];
    if (!otherwise) {
        errno = 0;
        fprintf(stderr, "--%s is missing\n", name);
        exit(2);
    }
    return otherwise;
}

static double number_argument(const char *name, const char *otherwise)
{
    char *end;
    const char *text = text_argument(name, otherwise);
    double number = strtod(text, &end);
    if (*end || number < 0) {
        fprintf(stderr, "--%s %s is no number\n", name, text);
        exit(2);
    }
    return number;
}

/* --- one run: bounded in count and in time; with a rate, request k is due at begin + k / rate and its latency counts
 * from then on, whether or not a connection was free (no coordinated omission). --- */

static struct {
    uint64_t most, until, give_up;     /* requests; ns */
    double interval;                   /* ns between requests; 0: as soon as a slot is free */
    uint64_t begun, asked, answered, wrong, lost, octets;
    uint64_t server_begun, own_begun;
    pid_t server;
} run;

static void begin_run(double grace)
{
    double rate = number_argument("rate", "0"), seconds = number_argument("seconds", "0");
    run.most = (uint64_t)number_argument("count", "0");
    run.server = (pid_t)number_argument("pid", "0");
    run.interval = rate > 0 ? (double)SECOND / rate : 0;
    if (!run.most && seconds <= 0) {
        fprintf(stderr, "--count or --seconds must bound the run\n");
        exit(2);
    }
    run.server_begun = process_cpu(run.server);
    run.own_begun = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    run.begun = now();
    run.until = seconds > 0 ? run.begun + (uint64_t)(seconds * SECOND) : UINT64_MAX;
    run.give_up = seconds > 0 ? run.until + (uint64_t)(grace * SECOND) : UINT64_MAX;
}

/* When the next request is due; UINT64_MAX when there is none to send any more. */
static uint64_t next_due(uint64_t at)
{
    if ((run.most && run.asked >= run.most) || at >= run.until)
        return UINT64_MAX;
    return run.interval > 0 ? run.begun + (uint64_t)((double)run.asked * run.interval) : at;
}

static int finish_run(void)
{
    uint64_t wall = now() - run.begun, own = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - run.own_begun;
    uint64_t server = process_cpu(run.server) - run.server_begun;
    printf("{\"asked\": %llu, \"answered\": %llu, \"wrong\": %llu, \"lost\": %llu, \"seconds\": %.6f, "
           "\"server_cpu_seconds\": %.6f, \"load_cpu_seconds\": %.6f, \"octets\": %llu, "
           "\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"longest_ms\": %.4f}\n",
           (unsigned long long)run.asked, (unsigned long long)run.answered, (unsigned long long)run.wrong,
           (unsigned long long)run.lost, (double)wall / 1e9, (double)server / 1e9, (double)own / 1e9,
           (unsigned long long)run.octets, percentile(0.50), percentile(0.99), (double)longest / 1e6);
    return run.wrong || run.lost || run.answered != run.asked;
}

static void *allocate(size_t size)
{
    void *room = calloc(1, size);
    if (!room)
        fail("calloc");
    return room;
}

static uint8_t *read_whole(const char *path, size_t *size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        fail(path);
    off_t end = lseek(file, 0, SEEK_END);
    uint8_t *octets = allocate((size_t)end + 1);
    if (end < 0 || pread(file, octets, (size_t)end, 0) != end)
        fail(path);
    close(file);
    *size = (size_t)end;
    return octets;
}

#endif
