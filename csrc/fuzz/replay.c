/* replay.c - runs a fuzz target without libFuzzer: on files, and on mutations of valid inputs.
 * SPDX-License-Identifier: Apache-2.0
 *
 * replay FILE...            runs the files, for instance a corpus or what a fuzzer has found
 * replay -mutate N [SEED]   runs N inputs that follow from SEED
 * replay -seeds FOLDER      writes valid inputs there, for a fuzzer to start from
 *
 * An input that breaks a promise ends the process; it is in the file replay-crash then, when
 * -mutate made it.
 */
#include "fuzz.h"

#include <signal.h>
#include <string.h>

#define CAPACITY ((size_t)1 << 16)
#define N_SEEDS 12

static uint8_t seed_bytes[CAPACITY], bytes[CAPACITY];

static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Mostly near the beginning, where headers are. */
static size_t place(uint64_t *rng, size_t size)
{
    size_t reach = next(rng) % 3 ? size : size < 1024 ? size : 1024;
    return reach ? next(rng) % reach : 0;
}

static size_t mutate(uint64_t *rng, size_t size)
{
    static const uint64_t odd[] = {
        0,          1,          0x7f,       0xff,      0x7fff,     0x7fffffff, 0x80000000,
        0xffffffff, 0x7fc00000, 0x7f800000, INT64_MAX, UINT64_MAX, 65536,      (uint64_t)1 << 40};
    for (uint64_t i = 1 + next(rng) % 5; i-- && size > 16;) {
        size_t at = place(rng, size - 8), from = place(rng, size - 8);
        size_t n = next(rng) % (size - (at > from ? at : from));
        uint64_t value = odd[next(rng) % (sizeof odd / sizeof *odd)];
        switch (next(rng) % 7) {
        case 0:
            bytes[at] ^= (uint8_t)(1u << next(rng) % 8);
            break;
        case 1:
            bytes[at] = (uint8_t)next(rng);
            break;
        case 2:
            memcpy(bytes + (at & ~(size_t)3), &value, 4);
            break;
        case 3:
            memcpy(bytes + (at & ~(size_t)7), &value, 8);
            break;
        case 4:
            memmove(bytes + at, bytes + from, n % 64);
            break;
        case 5:
            bytes[at] = (uint8_t)(bytes[at] + 1 - 2 * (next(rng) % 2));
            break;
        default:
            if (next(rng) % 8 == 0)
                size = 16 + at;
        }
    }
    return size;
}

static void write_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file)) {
        fprintf(stderr, "cannot write %s\n", path);
        exit(2);
    }
}

static size_t size_of_input;

static void keep_input(void)
{
    write_file("replay-crash", size_of_input);
    fprintf(stderr, "the input is in the file replay-crash\n");
}

static void on_abort(int number)
{
    signal(number, SIG_DFL);
    keep_input();
    raise(number);
}

#if defined(__SANITIZE_ADDRESS__)
void __sanitizer_set_death_callback(void (*callback)(void));
#endif

static void run_mutations(unsigned long n, uint64_t rng)
{
    size_t seed_size = 0;
    signal(SIGABRT, on_abort);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_set_death_callback(keep_input);
#endif
    for (unsigned long i = 0; i < n; i++) {
        if (i % 64 == 0)
            seed_size = fuzz_seed(next(&rng) % N_SEEDS, seed_bytes, CAPACITY);
        memcpy(bytes, seed_bytes, seed_size);
        size_of_input = i % 64 ? mutate(&rng, seed_size) : seed_size;
        if (i % 4)
            bytes[0] = (uint8_t)next(&rng);
        LLVMFuzzerTestOneInput(bytes, size_of_input);
    }
    printf("%lu inputs\n", n);
}

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(2);
    }
    size_t size = fread(bytes, 1, CAPACITY, file);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, size);
}

static void write_seeds(const char *folder)
{
    for (uint64_t seed = 0; seed < N_SEEDS; seed++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/seed-%02d", folder, (int)seed);
        write_file(path, fuzz_seed(seed, bytes, CAPACITY));
    }
}

int main(int argc, char **argv)
{
    if (argc >= 3 && !strcmp(argv[1], "-mutate")) {
        run_mutations(strtoul(argv[2], NULL, 10), argc > 3 ? strtoull(argv[3], NULL, 10) : 1);
    } else if (argc == 3 && !strcmp(argv[1], "-seeds")) {
        write_seeds(argv[2]);
    } else {
        for (int i = 1; i < argc; i++)
            run_file(argv[i]);
        printf("%d files\n", argc - 1);
    }
    return 0;
}
