/* gate.h - who may be in the index: searches through slots, and now and then one thread alone.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A search takes a free slot (one compare-and-swap on a cache line of its own) and with it the
 * scratch memory that belongs to the slot; so searches share no counter, and scratch is checked
 * out, not indexed by thread. Whoever must be alone (a column moves, a build is undone) closes the
 * gate: new searches wait, and those inside are waited for. Neither side can starve the other:
 * searches that waited go in before the gate can be closed again.
 *
 * The turn below is a lock that is granted in the order of asking, for work that may last: build
 * batches, saves, checks.
 */
#ifndef N2_GATE_H
#define N2_GATE_H

#include "base.h"

#include <pthread.h>

#define N2_SLOTS 128 /* searches that run at once; more wait for one another */

struct n2_scratch;

struct n2_slot {
    _Alignas(64) uint32_t state; /* FREE, BUSY, or BUSY and somebody waits for the end of it */
    struct n2_scratch *scratch;  /* of whoever holds the slot; NULL until its first use */
};

struct n2_gate {
    struct n2_slot slots[N2_SLOTS];
    uint32_t n_used;       /* slots that were ever taken: 0..n_used-1 */
    uint32_t shut;         /* GATE_* bits; written under the mutex */
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t change; /* any of it changed */
    size_t n_awaited;      /* slots marked, whose holders will report their leaving */
    size_t n_waiting;      /* searches waiting for the gate to open */
    size_t n_admitted;     /* of those, let in and not yet in a slot */
    size_t n_inside;       /* searches that wait for anything */
};

void n2_gate_init(struct n2_gate *gate);
void n2_gate_destroy(struct n2_gate *gate);

/* Takes a slot; waits where all are taken or the gate is shut. NULL if it is shut for ever. */
struct n2_slot *n2_gate_enter(struct n2_gate *gate);
void n2_gate_leave(struct n2_gate *gate, struct n2_slot *slot);

/* Between these the caller is alone. Calls must not overlap: callers hold a lock of their own. */
void n2_gate_shut(struct n2_gate *gate);
void n2_gate_open(struct n2_gate *gate);

/* Shuts the gate for ever: waits for those inside, turns away those who wait. */
void n2_gate_close(struct n2_gate *gate);

struct n2_turn {
    pthread_mutex_t mutex;
    pthread_cond_t change;
    uint64_t next, serving;
};

void n2_turn_init(struct n2_turn *turn);
void n2_turn_destroy(struct n2_turn *turn);
void n2_turn_take(struct n2_turn *turn);
void n2_turn_give(struct n2_turn *turn);

#endif
