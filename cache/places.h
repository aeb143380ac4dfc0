/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the exits of one instruction go that is now at one port or register and then at another one, as in an accessor
 * function: an account for each place that was seen, so that a report tells them apart. vmx/entry.S looks a place up as
 * place_at() does; what is not there yet goes the long way.
 */
#ifndef CACHE_PLACES_H
#define CACHE_PLACES_H

#include "lib/statistics.h"

#define PLACES 16 /* a power of two */
#define PLACES_TABLES 32

struct exit_place {
    struct account account; /* since they were last handed on */
    u64 where;              /* exit qualification or guest-physical address; PLACE_EMPTY: nothing yet */
    struct account *detail; /* who gets what is in `account` */
    u64 host;               /* code_frame.exit_host */
} __attribute__((aligned(16)));

#define PLACE_EMPTY (~0ull)

struct exit_places {
    struct exit_place place[PLACES];
    bool taken;
};

/* Of ports the low four bits count (SDM "Exit Qualification for I/O Instructions"), of addresses bits 7:4. */
#define PLACE_PORT_TO_REGISTER 12
static inline struct exit_place *place_at(struct exit_places *places, u64 where)
{
    return &places->place[(where ^ where >> PLACE_PORT_TO_REGISTER) >> 4 & (PLACES - 1)];
}

/* Of one that has no table: nothing is found in it. Never written. */
extern struct exit_places places_none;

/* An empty table that nobody has; &places_none: all are taken. */
struct exit_places *places_take(struct exit_places pool[PLACES_TABLES]);

void places_release(struct exit_places *places);

/* How many exits are in it. */
u64 places_count(const struct exit_places *places);

/* Whether `account` is one of the table's; then its detail, else `account`. */
struct account *places_detail_of(struct exit_places *places, struct account *account);

#endif
