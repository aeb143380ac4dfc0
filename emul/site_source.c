/* SPDX-License-Identifier: BSD-2-Clause */
/* What a translation is made from: which bytes of the guest's code, and how the guest reaches them. */
#include "emul/remember.h"
#include "emul/site_make.h"
#include "lib/string.h"

/* The page that has the byte at `rip`, with CS at `base`: noted when it is new. NULL: it cannot be had. */
static struct tc_page *page_of(struct vcpu *v, struct code_source *source, u64 base, enum code_size code_size, u64 rip)
{
    struct place_of_code place;
    u64 here = v->rip;
    for (u32 i = 0; i < source->pages; i++)
        if (!(((base + source->at[i].rip) ^ (base + rip)) & PAGE_MASK))
            return &source->at[i];
    if (source->pages == TC_PAGES)
        return NULL;
    v->rip = rip;
    bool there = remember_walk(v, code_size, 0, &place);
    v->rip = here;
    if (!there)
        return NULL;
    struct tc_page *page = &source->at[source->pages++];
    *page = (struct tc_page){.rip = rip, .gpa = place.at, .page = place.ptr - (place.at.at & ~PAGE_MASK)};
    return page;
}

/* Where the byte at `rip` is in it. */
static u32 offset_in(const struct tc_page *page, u64 rip)
{
    return (u32)(page->gpa.at + (rip - page->rip)) & ~(u32)PAGE_MASK;
}

/* More of the run before, or a new one. */
static bool add_run(struct code_source *source, const struct tc_page *page, u32 offset, u32 length)
{
    struct tc_run *last = source->runs ? &source->run[source->runs - 1] : NULL;
    u8 index = (u8)(page - source->at);
    if (last && last->page == index && last->offset + last->length == offset) {
        last->length = (u16)(last->length + length);
        return true;
    }
    if (source->runs == TC_RUNS)
        return false;
    source->run[source->runs++] = (struct tc_run){.page = index, .offset = (u16)offset, .length = (u16)length};
    return true;
}

static bool add_insn(struct vcpu *v, struct code_source *source, u64 base, enum code_size code_size,
                     const struct cluster_insn *at)
{
    for (u32 done = 0; done < at->insn.length;) {
        const struct tc_page *page = page_of(v, source, base, code_size, at->rip + done);
        if (!page)
            return false;
        u32 offset = offset_in(page, at->rip + done);
        u32 length = (u32)min_u64(at->insn.length - done, PAGE_SIZE - offset);
        if (source->length + length > TC_SOURCE_MAX || !add_run(source, page, offset, length))
            return false;
        memcpy(source->bytes + source->length, at->insn.bytes + done, length);
        source->length += length;
        done += length;
    }
    return true;
}

/* While it was noted, the guest may have had its pages elsewhere. */
static bool pages_hold(struct vcpu *v, const struct code_source *source, enum code_size code_size)
{
    struct place_of_code place;
    u64 here = v->rip;
    bool hold = true;
    for (u32 i = 0; i < source->pages && hold; i++) {
        v->rip = source->at[i].rip;
        hold = remember_walk(v, code_size, 0, &place) && place.at.at == source->at[i].gpa.at;
    }
    v->rip = here;
    return hold;
}

bool site_note_source(struct vcpu *v, struct sites *sites, u64 base)
{
    const struct cluster *cluster = sites->one;
    struct code_source *source = &sites->source;
    source->pages = source->runs = source->length = source->words = 0;
    if (!page_of(v, source, base, cluster->code_size, cluster->at[cluster->entry].rip))
        return false;
    for (u32 i = 0; i < cluster->count; i++) {
        if (!add_insn(v, source, base, cluster->code_size, &cluster->at[i]))
            return false;
        slices_pause(maker_slices(sites));
    }
    return !sites->maker.busy || pages_hold(v, source, cluster->code_size);
}

static u32 walk_index_of(u64 rip)
{
    return (u32)(rip >> 39 & 511) * 8;
}

static bool is_noted(const struct translation *one, const struct code_source *source, const volatile u64 *entry)
{
    for (u32 i = 1; i < TC_WALK; i++)
        if (one->entry[i] == entry)
            return true;
    for (u32 i = 0; i < source->words; i++)
        if (source->word[i].at == entry)
            return true;
    return false;
}

/* The walk to a page but the first: what the walk to the first does not read. */
static bool note_words(struct vcpu *v, const struct translation *one, struct code_source *source, u64 rip)
{
    const struct walk_memo_line *line = remember_line(v, rip);
    if (!line || walk_index_of(rip) != one->walk_index)
        return false;
    for (u32 i = 1; i < TC_WALK; i++)
        if (!is_noted(one, source, line->entry[i]))
            source->word[source->words++] = (struct tc_word){line->entry[i], line->value[i]};
    return true;
}

/* 64-bit code at CPL 0. */
void site_note_walks(struct vcpu *v, struct translation *one, struct code_source *source)
{
    const struct walk_memo_line *line = NULL;
    one->walk_index = TC_NO_WALK;
    if (access_is_64(v) && access_cpl(v) == 0)
        line = remember_line(v, v->rip);
    if (!line)
        return;
    for (u32 i = 0; i < TC_WALK; i++) {
        one->entry[i] = line->entry[i];
        one->value[i] = line->value[i];
    }
    one->walk_index = walk_index_of(v->rip);
    for (u32 i = 1; i < source->pages; i++)
        if (!note_words(v, one, source, source->at[i].rip))
            one->walk_index = TC_NO_WALK;
}

/* Whether vmx/entry.S would find all as it was noted. */
static bool walks_hold(struct vcpu *v, const struct translation *t)
{
    const struct walk_memo_line *line = remember_line(v, v->rip);
    if (!line || line->value[0] != t->value[0])
        return false;
    for (u32 i = 1; i < TC_WALK; i++)
        if (line->entry[i] != t->entry[i] || line->value[i] != t->value[i])
            return false;
    const struct tc_word *word = t->word;
    while (word->at && *word->at == word->value)
        word++;
    return !word->at;
}

bool site_renew_walks(struct vcpu *v, struct translation *t, struct code_source *scratch)
{
    if (t->walk_index == TC_NO_WALK || coherence_compares(t->held) || walks_hold(v, t))
        return true;
    scratch->pages = t->pages;
    scratch->words = 0;
    memcpy(scratch->at, t->at, t->pages * sizeof(*t->at));
    site_note_walks(v, t, scratch);
    return t->walk_index != TC_NO_WALK && translations_renew_words(t, scratch);
}
