/* team.c - a leader thread and, below it, OpenMP's workers or our own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The leader enters one parallel region that lasts as long as the team. In it the threads wait for
 * loops on a condition variable: at the end of a region of OpenMP's own they would spin, for
 * milliseconds by default, which on a machine that is also searching made builds up to seven times
 * slower.
 */
#include "team.h"

#include "alloc.h"
#include "fault.h"

#include <pthread.h>
#include <signal.h>
#if defined(_OPENMP)
#include <omp.h>
#endif

/* Looks of a thread that waits for others in a loop, before it sleeps: some 10 us, since to wake a
 * thread takes five times as long, and a build has a thousand loops. */
#define LOOKS 400

typedef void body_fn(void *context, size_t begin, size_t end, int worker);

struct loop {
    body_fn *body;
    void *context;
    size_t n, grain, n_ranges;
    size_t next; /* range to be taken next */
};

struct n2_team {
    int n_threads; /* the leader included */
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* of the leader and the workers: something to do, or the end */
    pthread_cond_t done; /* of those who wait for them */
    pthread_t leader;
    bool led;                    /* the leader exists; without it the caller works alone */
    bool started;                /* it waits for work, and n_threads is final */
    bool ended;                  /* all threads are to end */
    int (*work)(void *argument); /* what the leader is to do; NULL: nothing */
    void *argument;
    int result;
    struct loop *loop; /* what the workers are to do */
    uint64_t round;    /* number of loops started */
    int n_busy;        /* workers still in the loop; this and `round` are looked at unlocked */
#if !defined(_OPENMP)
    pthread_t *workers; /* n_threads - 1 */
    int n_workers;
    int n_numbered; /* workers that have taken their number */
#endif
};

/* Starts a thread that takes no signals: they belong to the host's own threads. */
static bool start_thread(pthread_t *thread, void *(*run)(void *argument), void *argument)
{
    if (n2_fault())
        return false;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(thread, NULL, run, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void run_ranges(struct loop *loop, int worker)
{
    for (;;) {
        size_t range = N2_FETCH_ADD(&loop->next, 1);
        if (range >= loop->n_ranges)
            return;
        size_t begin = range * loop->grain;
        loop->body(loop->context, begin, n2_min(begin + loop->grain, loop->n), worker);
    }
}

/* A worker's life: loop after loop, in each as the worker of that number. */
static void work_along(struct n2_team *team, int number)
{
    for (uint64_t round = 0;; round++) {
        for (int i = 0; i < LOOKS && N2_ACQUIRE(&team->round) == round; i++)
            N2_PAUSE();
        pthread_mutex_lock(&team->mutex);
        while (!team->ended && team->round == round)
            pthread_cond_wait(&team->wake, &team->mutex);
        bool ended = team->ended;
        pthread_mutex_unlock(&team->mutex);
        if (ended)
            return;
        run_ranges(team->loop, number);
        if (__atomic_sub_fetch(&team->n_busy, 1, __ATOMIC_ACQ_REL) > 0)
            continue;
        pthread_mutex_lock(&team->mutex);
        pthread_cond_broadcast(&team->done);
        pthread_mutex_unlock(&team->mutex);
    }
}

/* The leader's life: work after work. It is worker 0 of the loops. */
static void lead(struct n2_team *team)
{
    pthread_mutex_lock(&team->mutex);
    team->started = true;
    pthread_cond_broadcast(&team->done);
    for (;;) {
        while (!team->ended && !team->work)
            pthread_cond_wait(&team->wake, &team->mutex);
        if (team->ended)
            break;
        pthread_mutex_unlock(&team->mutex);
        int result = team->work(team->argument);
        pthread_mutex_lock(&team->mutex);
        team->result = result;
        team->work = NULL;
        pthread_cond_broadcast(&team->done);
    }
    pthread_mutex_unlock(&team->mutex);
}

static void run_loop(struct n2_team *team, struct loop *loop)
{
    pthread_mutex_lock(&team->mutex);
    team->loop = loop;
    team->n_busy = team->n_threads - 1;
    N2_RELEASE(&team->round, team->round + 1);
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->mutex);
    run_ranges(loop, 0);
    for (int i = 0; i < LOOKS && N2_ACQUIRE(&team->n_busy) > 0; i++)
        N2_PAUSE();
    if (N2_ACQUIRE(&team->n_busy) == 0)
        return;
    pthread_mutex_lock(&team->mutex);
    while (N2_ACQUIRE(&team->n_busy) > 0)
        pthread_cond_wait(&team->done, &team->mutex);
    pthread_mutex_unlock(&team->mutex);
}

#if defined(_OPENMP)

/* A thread of the probe: it lives until the probe is over. */
static void *wait_for_end(void *argument)
{
    struct n2_team *team = argument;
    pthread_mutex_lock(&team->mutex);
    while (!team->ended)
        pthread_cond_wait(&team->wake, &team->mutex);
    pthread_mutex_unlock(&team->mutex);
    return NULL;
}

/* Learns how many threads the system grants: as many as the leader and its workers will be. */
static bool start_workers(struct n2_team *team)
{
    pthread_t *threads = n2_alloc((size_t)team->n_threads, sizeof(*threads));
    if (!threads)
        return false;
    int n = 0;
    while (n < team->n_threads && start_thread(&threads[n], wait_for_end, team))
        n++;
    pthread_mutex_lock(&team->mutex);
    team->ended = true;
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->mutex);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    team->ended = false;
    team->n_threads = n > 1 ? n : 1;
    n2_alloc_free(threads);
    return true;
}

static void stop_workers(struct n2_team *team)
{
    (void)team; /* they end with the region */
}

static void *run_leader(void *argument)
{
    struct n2_team *team = argument;
#pragma omp parallel num_threads(team->n_threads)
    {
#pragma omp single /* the region may have fewer threads than it was to have */
        team->n_threads = omp_get_num_threads();
        if (omp_get_thread_num() == 0)
            lead(team);
        else
            work_along(team, omp_get_thread_num());
    }
    return NULL;
}

#else

static void *run_worker(void *argument)
{
    struct n2_team *team = argument;
    pthread_mutex_lock(&team->mutex);
    int number = ++team->n_numbered;
    pthread_mutex_unlock(&team->mutex);
    work_along(team, number);
    return NULL;
}

static bool start_workers(struct n2_team *team)
{
    int wanted = team->n_threads - 1;
    team->workers = n2_alloc((size_t)wanted, sizeof(*team->workers));
    if (!team->workers)
        return false;
    while (team->n_workers < wanted &&
           start_thread(&team->workers[team->n_workers], run_worker, team))
        team->n_workers++;
    team->n_threads = team->n_workers + 1;
    return true;
}

static void stop_workers(struct n2_team *team)
{
    for (int i = 0; i < team->n_workers; i++)
        pthread_join(team->workers[i], NULL);
    n2_alloc_free(team->workers);
}

static void *run_leader(void *argument)
{
    lead(argument);
    return NULL;
}

#endif

int n2_team_open(struct n2_team **result, int threads)
{
    struct n2_team *team = n2_alloc_zero(1, sizeof(*team));
    if (!team)
        return N2_ERR_NO_MEMORY;
    team->n_threads = threads;
    pthread_mutex_init(&team->mutex, NULL);
    pthread_cond_init(&team->wake, NULL);
    pthread_cond_init(&team->done, NULL);
    if (threads > 1) {
        if (!start_workers(team)) {
            n2_team_close(team);
            return N2_ERR_NO_MEMORY;
        }
        team->led = team->n_threads > 1 && start_thread(&team->leader, run_leader, team);
        pthread_mutex_lock(&team->mutex);
        while (team->led && !team->started)
            pthread_cond_wait(&team->done, &team->mutex);
        pthread_mutex_unlock(&team->mutex);
    }
    *result = team;
    return N2_OK;
}

int n2_team_threads(const struct n2_team *team)
{
    return team->led ? team->n_threads : 1;
}

int n2_team_run(struct n2_team *team, int (*work)(void *argument), void *argument)
{
    if (!team->led)
        return work(argument);
    pthread_mutex_lock(&team->mutex);
    team->argument = argument;
    team->work = work;
    pthread_cond_broadcast(&team->wake);
    while (team->work)
        pthread_cond_wait(&team->done, &team->mutex);
    int result = team->result;
    pthread_mutex_unlock(&team->mutex);
    return result;
}

void n2_team_for(struct n2_team *team, size_t n, size_t grain, body_fn *body, void *context)
{
    struct loop loop = {body, context, n, grain, (n + grain - 1) / grain, 0};
    if (!team->led || loop.n_ranges <= 1)
        run_ranges(&loop, 0);
    else
        run_loop(team, &loop);
}

void n2_team_close(struct n2_team *team)
{
    if (!team)
        return;
    pthread_mutex_lock(&team->mutex);
    team->ended = true;
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->mutex);
    if (team->led)
        pthread_join(team->leader, NULL);
    stop_workers(team);
    pthread_cond_destroy(&team->done);
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->mutex);
    n2_alloc_free(team);
}
