/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/translations.h"

#include "lib/string.h"

void translations_init(struct translations *t, struct coherence *coherence, void *code, const void *executable)
{
    t->coherence = coherence;
    t->code = code;
    t->executable = executable;
    for (u32 i = 0; i < TRANSLATIONS; i++)
        t->table[i] = (struct translation){.rip = TC_EMPTY, .places = &places_none};
}

static void hand_on(struct translations *t, struct translation *translation, struct account *from, struct account *to)
{
    translation->hits += from->count;
    translation->time += from->time;
    t->quick[translation->kind] += from->count;
    account_hand_on(from, to);
}

void translation_settle(struct translations *t, struct translation *translation)
{
    static struct account nobody;
    struct exit_places *places = translation->places;
    hand_on(t, translation, &translation->quick, translation->detail ? translation->detail : &nobody);
    for (u32 i = 0; i < PLACES && places->taken; i++)
        if (places->place[i].where != PLACE_EMPTY)
            hand_on(t, translation, &places->place[i].account, places->place[i].detail);
    if (!translation->piece_size)
        return;
    for (u32 kind = 0; kind < TC_KINDS; kind++) {
        t->avoided[kind] += translation->avoided[kind];
        translation->spared += translation->avoided[kind];
        translation->avoided[kind] = 0;
    }
}

void translation_note_write(struct translation *t, const u8 *page)
{
    for (u32 i = TC_WRITES - 1; i; i--)
        t->writes[i] = t->writes[i - 1];
    t->writes[0] = page;
}

struct translation *translations_last(struct translations *t, u64 rip, u64 rip_offset)
{
    struct translation *place = &t->table[translations_slot(rip)], *last = NULL;
    for (u32 i = 0; i < 2; i++)
        if (place[i].rip_offset == rip_offset && translation_uses(&place[i]) > (last ? translation_uses(last) : 0))
            last = &place[i];
    return last;
}

void translations_drop(struct translations *t, struct translation *translation)
{
    translation_settle(t, translation);
    translation->rip = TC_EMPTY;
    translation->piece_size = 0;
}

/* The first run that has other bytes now; t->runs: none has. */
static u32 different_run(const struct translation *t)
{
    const u8 *source = t->source;
    for (u32 i = 0; i < t->runs; i++) {
        const struct tc_run *run = &t->run[i];
        const volatile u8 *at = t->at[run->page].page + run->offset;
        for (u32 n = 0; n < run->length; n++)
            if (*at++ != *source++)
                return i;
    }
    return t->runs;
}

bool translation_same(const struct translation *translation)
{
    return different_run(translation) == translation->runs;
}

bool translation_compare(struct translations *t, struct translation *translation)
{
    u32 run = different_run(translation);
    if (run == translation->runs) {
        coherence_same(t->coherence, translation->at[0].held);
        return true;
    }
    coherence_different(t->coherence, translation->at[translation->run[run].page].held);
    t->counts.stale++;
    translations_drop(t, translation);
    return false;
}

/* The piece that has a byte in [from, to), the first such; NULL: the place is free. */
static struct translation *piece_in(struct translations *t, u32 from, u32 to)
{
    struct translation *found = NULL;
    for (u32 i = 0; i < TRANSLATIONS && from < t->top; i++) {
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
    return one->uses == translation_uses(one) || !translation_is_fresh(one);
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
        in_the_way->uses = translation_uses(in_the_way);
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

/* Whether what was counted at *place was counted for *made. */
static bool is_same_site(const struct translation *place, const struct translation *made)
{
    return made && place->rip_offset == made->rip_offset && place->reason == made->reason;
}

/* The empty place of two, rather the one where its own counts are. NULL: none is empty. */
static struct translation *empty_place(struct translation *first, const struct translation *made)
{
    struct translation *found = NULL;
    for (struct translation *place = first; place < first + 2; place++) {
        if (place->rip != TC_EMPTY)
            continue;
        if (is_same_site(place, made))
            return place;
        if (!found)
            found = place;
    }
    return found;
}

/*
 * Where it goes: its own old place, an empty one, or one that was not used since somebody asked for it before. NULL:
 * both are in use, and stay, so that three sites in two places do not drive each other out for ever. `made`, if not
 * NULL, has counts to go on with.
 */
static struct translation *place_for(struct translations *t, u64 rip, const struct translation *made)
{
    struct translation *first = &t->table[translations_slot(rip)], *cold = NULL;
    struct translation *own = translations_find(t, rip), *empty = empty_place(first, made);
    if (own)
        return own;
    for (struct translation *place = first; place < first + 2 && place != empty; place++) {
        if (place->rip == TC_EMPTY)
            continue;
        if (is_cold(place))
            cold = place;
        place->uses = translation_uses(place);
    }
    if (empty)
        return empty;
    t->counts.lost_to_table += cold != NULL;
    t->coherence->counts.invalidations_eviction += cold != NULL;
    return cold;
}

static bool hold(struct translations *t, struct code_source *source)
{
    struct tc_page *at = source->at;
    for (u32 i = 0; i < source->pages; i++) {
        at[i].held = coherence_hold(t->coherence, at[i].gpa);
        if (!at[i].held)
            return false;
        at[i].generation = at[i].held->generation;
    }
    /* Holding a later one may have taken the slot of an earlier one. */
    for (u32 i = 0; i < source->pages; i++)
        if (at[i].held->page != (at[i].gpa.at & PAGE_MASK))
            return false;
    return true;
}

/* In a piece: counts, pages, words, runs, bytes. */
#define HEAD_COUNTS (u32)(TC_KINDS * sizeof(u64))

static u32 words_of(const struct code_source *source)
{
    return source->words + source->pages - 1 + 1; /* a generation for each page but the first; the end */
}

u32 translations_head(const struct code_source *source)
{
    u64 tables = source->pages * sizeof(struct tc_page) + words_of(source) * sizeof(struct tc_word) +
                 source->runs * sizeof(struct tc_run);
    return (u32)align_up(HEAD_COUNTS + tables + source->length, 16);
}

/* SPEC 5.1: entry.S looks at them, for the pages that it does not know itself. */
static void write_words(const struct code_source *source, struct tc_word *word)
{
    memcpy(word, source->word, source->words * sizeof(*word));
    word += source->words;
    for (u32 i = 1; i < source->pages; i++)
        *word++ = (struct tc_word){(const volatile u64 *)&source->at[i].held->generation,
                                   source->at[i].generation | (u64)CODE_PAGE_READ_ONLY << 32};
    *word = (struct tc_word){NULL, 0};
}
_Static_assert(offsetof(struct code_page, state) == offsetof(struct code_page, generation) + 4, "one word");

bool translations_renew_words(struct translation *translation, const struct code_source *source)
{
    const void *end = translation->run;
    if ((const void *)(translation->word + words_of(source)) > end)
        return false;
    write_words(source, translation->word);
    return true;
}

static void write_head(struct translation *one, const struct code_source *source, u8 *piece)
{
    struct tc_page *at = (struct tc_page *)(piece + HEAD_COUNTS);
    struct tc_word *word = (struct tc_word *)(at + source->pages);
    struct tc_run *run = (struct tc_run *)(word + words_of(source));
    u8 *bytes = (u8 *)(run + source->runs);
    one->avoided = (u64 *)piece;
    memset(one->avoided, 0, HEAD_COUNTS);
    memcpy(at, source->at, source->pages * sizeof(*at));
    write_words(source, word);
    memcpy(run, source->run, source->runs * sizeof(*run));
    memcpy(bytes, source->bytes, source->length);
    one->at = at;
    one->pages = (u8)source->pages;
    one->held = at[0].held;
    one->generation = at[0].generation;
    one->word = word;
    one->run = run;
    one->runs = (u16)source->runs;
    one->source = bytes;
    one->source_length = (u16)source->length;
}

/* Another site is to have the place: the exit in progress, if it was put down here, is one of its row only. */
static void vacate(struct translations *t, struct translation *place)
{
    translations_drop(t, place);
    if (t->served && *t->served == &place->quick)
        *t->served = place->detail;
    else if (t->served)
        *t->served = places_detail_of(place->places, *t->served);
    places_release(place->places);
    place->places = &places_none;
}

/* A table of accounts: where none is free, one that a translation left behind which is no more. */
static struct exit_places *places_for(struct translations *t)
{
    struct exit_places *places = places_take(t->places);
    for (u32 i = 0; i < TRANSLATIONS && !places->taken; i++)
        if (!translation_is_there(&t->table[i]) && t->table[i].places->taken) {
            vacate(t, &t->table[i]);
            places = places_take(t->places);
        }
    return places;
}

/* What was counted for the same site goes on, and the exit in progress is among it. */
static void inherit(struct translations *t, struct translation *place, const struct translation *made)
{
    bool same = is_same_site(place, made);
    if (same)
        translations_drop(t, place);
    else
        vacate(t, place);
    struct translation before = *place;
    *place = *made;
    place->places = before.places;
    if (place->several && !place->places->taken)
        place->places = places_for(t);
    if (!same)
        return;
    place->hits = place->inherited = place->checked_hits = before.hits;
    place->spared = place->checked_spared = before.spared;
    place->time = before.time;
    place->remade = before.remade;
    place->rate = before.rate;
    place->trace_rate = before.trace_rate;
}

struct translation *translations_publish(struct translations *t, const struct translation *made,
                                         struct code_source *source, u32 size, u32 entry)
{
    struct translation *place = place_for(t, made->rip, made);
    if (!place)
        return NULL;
    inherit(t, place, made);
    place->piece = t->next;
    place->piece_size = size;
    place->code = t->executable + t->next + entry;
    place->uses_to_compare = TC_COMPARE_AGAIN;
    bool held = hold(t, source);
    if (held)
        write_head(place, source, t->code + t->next);
    if (!held || !translation_same(place)) {
        place->piece_size = 0;
        place->rip = TC_EMPTY;
        return NULL;
    }
    t->next += (u32)align_up(size, 64);
    t->top = (u32)max_u64(t->top, t->next);
    t->counts.made++;
    return place;
}

struct translation *translations_place(struct translations *t, u64 rip)
{
    struct translation *place = place_for(t, rip, NULL);
    if (!place || (place->rip == rip && !place->piece_size))
        return place;
    vacate(t, place);
    *place = (struct translation){.rip = TC_EMPTY, .walk_index = TC_NO_WALK, .places = &places_none};
    return place;
}
