/* gate.c - slots for searches, exclusion, and a fair lock.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The order of a search is: mark the slot, then look whether the gate is shut; that of the thread
 * that shuts it: mark the gate, then look at the slots. Both are sequentially consistent, so at
 * least one sees the other. Who leaves a slot touches nothing of the gate afterwards, unless the
 * slot was marked as awaited: so the gate may be freed as soon as every slot was seen free.
 */
#include "gate.h"

enum { FREE, BUSY, AWAITED };
enum { GATE_SHUT = 1, GATE_CLOSED = 2 };

#define SEQ __ATOMIC_SEQ_CST

void n2_gate_init(struct n2_gate *gate)
{
    memset(gate, 0, sizeof(*gate));
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->change, NULL);
}

void n2_gate_destroy(struct n2_gate *gate)
{
    pthread_cond_destroy(&gate->change);
    pthread_mutex_destroy(&gate->mutex);
}

static bool try_slot(struct n2_slot *slot)
{
    uint32_t expected = FREE;
    return N2_LOAD(&slot->state) == FREE &&
           __atomic_compare_exchange_n(&slot->state, &expected, BUSY, false, SEQ, SEQ);
}

/* Marks a busy slot, so that its holder reports. Under the mutex. False if it is free by now. */
static bool await_slot(struct n2_gate *gate, struct n2_slot *slot)
{
    uint32_t expected = BUSY;
    if (__atomic_compare_exchange_n(&slot->state, &expected, AWAITED, false, SEQ, SEQ))
        gate->n_awaited++;
    return expected != FREE;
}

/* A free slot, now taken, or NULL. One that was never used is taken only if all others are busy: so
 * there is scratch for as many searches as ever ran at once. */
static struct n2_slot *find_slot(struct n2_gate *gate)
{
    /* Each thread starts at the slot it had last: its scratch is in this core's cache. */
    static _Thread_local uint32_t last;
    uint32_t n_used = N2_LOAD(&gate->n_used);
    for (uint32_t i = 0, at = last; i < n_used; i++, at++) {
        at = at < n_used ? at : 0;
        if (try_slot(&gate->slots[at])) {
            last = at;
            return &gate->slots[at];
        }
    }
    for (uint32_t at = n_used; at < N2_SLOTS; at++) {
        if (try_slot(&gate->slots[at])) {
            while (n_used <= at &&
                   !__atomic_compare_exchange_n(&gate->n_used, &n_used, at + 1, false, SEQ, SEQ))
                continue;
            last = at;
            return &gate->slots[at];
        }
    }
    return NULL;
}

void n2_gate_leave(struct n2_gate *gate, struct n2_slot *slot)
{
    if (__atomic_exchange_n(&slot->state, FREE, SEQ) == AWAITED) {
        pthread_mutex_lock(&gate->mutex);
        gate->n_awaited--;
        pthread_cond_broadcast(&gate->change);
        pthread_mutex_unlock(&gate->mutex);
    }
}

/* The gate is shut: waits until it opens, then takes a slot before it can be shut again. */
static struct n2_slot *enter_after_waiting(struct n2_gate *gate)
{
    struct n2_slot *slot = NULL;
    pthread_mutex_lock(&gate->mutex);
    gate->n_inside++;
    while (!(gate->shut & GATE_CLOSED)) {
        if (gate->shut) {
            gate->n_waiting++;
            while (gate->shut == GATE_SHUT)
                pthread_cond_wait(&gate->change, &gate->mutex);
            gate->n_admitted--;
            if (gate->n_admitted == 0)
                pthread_cond_broadcast(&gate->change);
            continue; /* open now: it is shut only under the mutex, which is ours */
        }
        slot = find_slot(gate);
        if (slot)
            break;
        size_t i = 0; /* all are taken: the end of any one wakes us */
        while (i < N2_SLOTS && await_slot(gate, &gate->slots[i]))
            i++;
        if (i == N2_SLOTS)
            pthread_cond_wait(&gate->change, &gate->mutex);
    }
    gate->n_inside--;
    if (gate->shut & GATE_CLOSED)
        pthread_cond_broadcast(&gate->change);
    pthread_mutex_unlock(&gate->mutex);
    return slot;
}

struct n2_slot *n2_gate_enter(struct n2_gate *gate)
{
    struct n2_slot *slot = find_slot(gate);
    if (N2_LIKELY(slot)) {
        if (N2_LIKELY(__atomic_load_n(&gate->shut, SEQ) == 0))
            return slot;
        n2_gate_leave(gate, slot);
    }
    return enter_after_waiting(gate);
}

/* Under the mutex: waits until no slot is held. */
static void wait_for_slots(struct n2_gate *gate)
{
    for (size_t i = 0; i < N2_SLOTS; i++)
        (void)await_slot(gate, &gate->slots[i]);
    while (gate->n_awaited > 0)
        pthread_cond_wait(&gate->change, &gate->mutex);
}

void n2_gate_shut(struct n2_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    while (gate->n_admitted > 0)
        pthread_cond_wait(&gate->change, &gate->mutex);
    __atomic_store_n(&gate->shut, gate->shut | GATE_SHUT, SEQ);
    wait_for_slots(gate);
    pthread_mutex_unlock(&gate->mutex);
}

static void admit_waiting(struct n2_gate *gate)
{
    gate->n_admitted += gate->n_waiting;
    gate->n_waiting = 0;
    pthread_cond_broadcast(&gate->change);
}

void n2_gate_open(struct n2_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    __atomic_store_n(&gate->shut, gate->shut & ~(uint32_t)GATE_SHUT, SEQ);
    admit_waiting(gate);
    pthread_mutex_unlock(&gate->mutex);
}

void n2_gate_close(struct n2_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    __atomic_store_n(&gate->shut, gate->shut | GATE_CLOSED, SEQ);
    admit_waiting(gate);
    wait_for_slots(gate);
    while (gate->n_inside > 0)
        pthread_cond_wait(&gate->change, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

void n2_turn_init(struct n2_turn *turn)
{
    memset(turn, 0, sizeof(*turn));
    pthread_mutex_init(&turn->mutex, NULL);
    pthread_cond_init(&turn->change, NULL);
}

void n2_turn_destroy(struct n2_turn *turn)
{
    pthread_cond_destroy(&turn->change);
    pthread_mutex_destroy(&turn->mutex);
}

void n2_turn_take(struct n2_turn *turn)
{
    pthread_mutex_lock(&turn->mutex);
    uint64_t ticket = turn->next++;
    while (turn->serving != ticket)
        pthread_cond_wait(&turn->change, &turn->mutex);
    pthread_mutex_unlock(&turn->mutex);
}

void n2_turn_give(struct n2_turn *turn)
{
    pthread_mutex_lock(&turn->mutex);
    turn->serving++;
    pthread_cond_broadcast(&turn->change);
    pthread_mutex_unlock(&turn->mutex);
}
