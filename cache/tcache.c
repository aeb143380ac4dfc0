/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/tcache.h"

#include "lib/string.h"
#include "lib/test_switch.h"

void tc_init(struct tcache *tc, struct coherence *coherence)
{
    tc->coherence = coherence;
    tc->turn_mask = TC_REST_EACH - 1;
    for (u32 set = 0; set < TC_SETS; set++)
        for (u32 way = 0; way < TC_WAYS; way++)
            tc->entry[set][way].gpa = TC_NONE;
}

static struct tc_seen *seen_of(struct tcache *tc, u64 gpa)
{
    return &tc->seen[tc_hash(gpa, TC_SEEN_BITS)];
}

/* 0 is no tag. What lies 2 GiB apart is taken for the same, at no harm. */
static u32 tag_of(u64 gpa)
{
    return (u32)gpa | 0x80000000u;
}

/* Something else is there now: it may well change again. */
static void forget(struct tcache *tc, struct tc_entry *entry)
{
    *seen_of(tc, entry->gpa) = (struct tc_seen){tag_of(entry->gpa), TC_WAIT_AFTER_CHANGE};
    entry->gpa = TC_NONE;
    tc->counts.entries--;
}

u32 tc_same_bytes(const struct tc_entry *entry)
{
    u32 i = 0;
    for (; i < entry->length; i++) {
        const volatile u8 *at = i < entry->first ? entry->bytes[0] + i : entry->bytes[1] + (i - entry->first);
        if (*at != entry->source[i])
            break;
    }
    return i;
}

static bool second_holds(const struct tc_entry *entry, gpa_t second)
{
    if (!entry->page[1] || test_switch(TEST_NO_SECOND))
        return true;
    return entry->second.at == second.at && entry->page[1]->generation == entry->generation[1];
}

bool tc_check(struct tcache *tc, struct tc_entry *entry, gpa_t second)
{
    if (!second_holds(entry, second)) {
        forget(tc, entry);
        return false;
    }
    if (test_switch(TEST_NO_COMPARE))
        return true;
    u32 same = tc_same_bytes(entry);
    if (same < entry->length) {
        coherence_different(tc->coherence, entry->page[same >= entry->first]);
        forget(tc, entry);
        return false;
    }
    coherence_same(tc->coherence, entry->page[0]);
    return true;
}

bool tc_worth(struct tcache *tc, gpa_t gpa)
{
    struct tc_seen *seen = seen_of(tc, gpa.at);
    u32 tag = tag_of(gpa.at);
    if (seen->tag != tag) {
        *seen = (struct tc_seen){tag, 0};
        return false;
    }
    if (seen->wait) {
        seen->wait--;
        return false;
    }
    return tc->fruitless < TC_BARREN || tc->fruitless % TC_BARREN_EACH == 0;
}

static bool is_live(const struct tc_entry *entry)
{
    return entry->gpa != TC_NONE && entry->page[0]->generation == entry->generation[0];
}

/* The way that is lost: one that is dead, else the colder one. The other's hits age, so that old glory fades. */
static struct tc_entry *victim(struct tcache *tc, gpa_t gpa)
{
    struct tc_entry *set = tc->entry[tc_hash(gpa.at, TC_SETS_BITS)];
    for (u32 way = 0; way < TC_WAYS; way++)
        if (!is_live(&set[way]) || set[way].gpa == gpa.at)
            return &set[way];
    u32 colder = set[1].hits < set[0].hits;
    set[!colder].hits /= 2;
    tc->coherence->counts.invalidations_eviction++;
    return &set[colder];
}

struct tc_entry *tc_publish(struct tcache *tc, const struct tc_source *source, const u8 *bytes)
{
    u32 first = (u32)min_u64(source->length, PAGE_SIZE - (source->gpa.at & ~PAGE_MASK));
    struct code_page *page[2] = {coherence_hold(tc->coherence, source->gpa), NULL};
    if (first < source->length)
        page[1] = coherence_hold(tc->coherence, source->second);
    /* Holding the second may have taken the slot of the first. */
    if (!page[0] || (first < source->length && !page[1]) || page[0]->page != (source->gpa.at & PAGE_MASK))
        return NULL;
    struct tc_entry *entry = victim(tc, source->gpa);
    tc->counts.entries += entry->gpa == TC_NONE;
    *entry = (struct tc_entry){
        .gpa = source->gpa.at,
        .mode = source->mode,
        .page = {page[0], page[1]},
        .generation = {page[0]->generation, page[1] ? page[1]->generation : 0},
        .second = source->second,
        .bytes = {source->bytes[0], source->bytes[1]},
        .length = (u8)source->length,
        .first = (u8)first,
    };
    memcpy(entry->source, bytes, source->length);
    if (tc_same_bytes(entry) == entry->length)
        return entry;
    forget(tc, entry);
    return NULL;
}
