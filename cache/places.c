/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/places.h"

struct exit_places places_none = {.place = {[0 ... PLACES - 1] = {.where = PLACE_EMPTY}}};

struct exit_places *places_take(struct exit_places pool[PLACES_TABLES])
{
    for (u32 i = 0; i < PLACES_TABLES; i++)
        if (!pool[i].taken) {
            pool[i] = places_none;
            pool[i].taken = true;
            return &pool[i];
        }
    return &places_none;
}

void places_release(struct exit_places *places)
{
    if (places != &places_none)
        places->taken = false;
}

u64 places_count(const struct exit_places *places)
{
    u64 count = 0;
    for (u32 i = 0; i < PLACES && places->taken; i++)
        count += places->place[i].account.count;
    return count;
}

struct account *places_detail_of(struct exit_places *places, struct account *account)
{
    for (u32 i = 0; i < PLACES && places->taken; i++)
        if (account == &places->place[i].account)
            return places->place[i].detail;
    return account;
}
