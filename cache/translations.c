/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/translations.h"

#include "lib/string.h"

void translations_init(struct translations *t, struct coherence *coherence, void *code, const void *executable)
{
    t->coherence = coherence;
    t->code = code;
    t->executable = executable;
    for (u32 i = 0; i < TRANSLATIONS; i++)
        t->table[i] = (struct translation){.rip = TC_EMPTY};
}

void translation_settle(struct translations *t, struct translation *translation)
{
    translation->hits += translation->quick;
    t->quick[translation->kind] += translation->quick;
    translation->quick = 0;
    if (!translation->piece_size)
        return;
    for (u32 kind = 0; kind < TC_KINDS; kind++) {
        t->avoided[kind] += translation->avoided[kind];
        translation->spared += translation->avoided[kind];
        translation->avoided[kind] = 0;
    }
}

void translations_drop(struct translations *t, struct translation *translation)
{
    translation_settle(t, translation);
    translation->rip = TC_EMPTY;
    translation->piece_size = 0;
}

static u32 same_bytes(const struct translation *t)
{
    u32 i = 0;
    for (; i < t->length; i++) {
        const volatile u8 *at = i < t->first ? t->bytes[0] + i : t->bytes[1] + (i - t->first);
        if (*at != t->source[i])
            break;
    }
    return i;
}

bool translation_same(const struct translation *translation)
{
    return same_bytes(translation) == translation->length;
}

bool translation_compare(struct translations *t, struct translation *translation)
{
    u32 same = same_bytes(translation);
    if (same == translation->length) {
        coherence_same(t->coherence, translation->page[0]);
        return true;
    }
    coherence_different(t->coherence, translation->page[same >= translation->first]);
    t->counts.stale++;
    translations_drop(t, translation);
    return false;
}

/* The piece that has a byte in [from, to), the first such; NULL: the place is free. */
static struct translation *piece_in(struct translations *t, u32 from, u32 to)
{
    struct translation *found = NULL;
    for (u32 i = 0; i < TRANSLATIONS; i++) {
        struct translation *one = &t->table[i];
        if (one->piece_size && one->piece < to && from < one->piece + one->piece_size &&
            (!found || one->piece < found->piece))
            found = one;
    }
    return found;
}

/* Not used since it was passed over. */
static bool is_cold(const struct translation *one)
{
    return one->uses == one->hits + one->quick || !translation_is_fresh(one);
}

u8 *translations_room(struct translations *t)
{
    struct translation *in_the_way;
    for (u32 passed = 0; passed < TC_PASS_OVER;) {
        if (t->next + TC_PIECE_MAX > TC_CODE)
            t->next = 0;
        in_the_way = piece_in(t, t->next, t->next + TC_PIECE_MAX);
        if (!in_the_way)
            return t->code + t->next;
        if (is_cold(in_the_way)) {
            translations_drop(t, in_the_way);
            t->counts.lost_to_ring++;
            t->coherence->counts.invalidations_eviction++;
            continue;
        }
        in_the_way->uses = in_the_way->hits + in_the_way->quick;
        t->next = in_the_way->piece + (u32)align_up(in_the_way->piece_size, 64);
        passed++;
    }
    if (t->next + TC_PIECE_MAX > TC_CODE)
        t->next = 0;
    while ((in_the_way = piece_in(t, t->next, t->next + TC_PIECE_MAX))) {
        translations_drop(t, in_the_way);
        t->counts.lost_to_ring++;
        t->coherence->counts.invalidations_eviction++;
    }
    return t->code + t->next;
}

/*
 * Where it goes: its own old place, an empty one, or one that was not used since somebody asked for it before. NULL:
 * both are in use, and stay, so that three sites in two places do not drive each other out for ever.
 */
static struct translation *place_for(struct translations *t, u64 rip)
{
    struct translation *first = &t->table[translations_slot(rip)], *cold = NULL, *own = translations_find(t, rip);
    if (own)
        return own;
    for (struct translation *place = first; place < first + 2; place++) {
        if (place->rip == TC_EMPTY)
            return place;
        if (is_cold(place))
            cold = place;
        place->uses = place->hits + place->quick;
    }
    t->counts.lost_to_table += cold != NULL;
    t->coherence->counts.invalidations_eviction += cold != NULL;
    return cold;
}

static bool hold(struct translations *t, struct translation *one)
{
    for (u32 i = 0; i < TC_PAGES; i++) {
        one->page[i] = NULL;
        if (i && one->first == one->length)
            continue;
        one->page[i] = coherence_hold(t->coherence, one->gpa[i]);
        if (!one->page[i])
            return false;
        one->generation[i] = one->page[i]->generation;
    }
    /* Holding the second may have taken the slot of the first. */
    return one->page[0]->page == (one->gpa[0].at & PAGE_MASK);
}

struct translation *translations_publish(struct translations *t, const struct translation *made, u32 size, u32 entry)
{
    struct translation *place = place_for(t, made->rip);
    if (!place)
        return NULL;
    if (place->rip != TC_EMPTY)
        translations_drop(t, place);
    *place = *made;
    place->piece = t->next;
    place->piece_size = size;
    place->avoided = (u64 *)(t->code + t->next);
    place->code = t->executable + t->next + entry;
    place->uses_to_compare = TC_COMPARE_AGAIN;
    if (!hold(t, place) || same_bytes(place) != place->length) {
        translations_drop(t, place);
        return NULL;
    }
    t->next += (u32)align_up(size, 64);
    t->counts.made++;
    return place;
}

struct translation *translations_place(struct translations *t, u64 rip)
{
    static struct code_page never_written = {.state = CODE_PAGE_READ_ONLY};
    struct translation *place = place_for(t, rip);
    if (!place || (place->rip == rip && !place->piece_size))
        return place;
    if (place->rip != TC_EMPTY)
        translations_drop(t, place);
    *place = (struct translation){.rip = TC_EMPTY, .page = {&never_written}, .walk_index = TC_NO_WALK};
    return place;
}
