/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/kept_lines.h"

#include "cache/translations.h"
#include "emul/access.h"
#include "emul/emul.h"
#include "emul/translated.h"

/* In kept_lines.S: where struct kept_lines leads to. */
extern const char kept_lines_closed[], kept_lines_open[], kept_lines_open_based[];
/* For 0, 1, .. of each: offsets from kept_lines_rows. */
extern const char kept_lines_rows[];
extern const u32 kept_lines_apart[KEPT_WRITTEN + 1], kept_lines_tops[KEPT_TOPS + 1], kept_lines_words[KEPT_WORDS + 1],
    kept_lines_empty[CODE_LINES + 1];

static const void *row(const u32 *table, u32 count)
{
    return kept_lines_rows + table[count];
}

void kept_lines_init(struct kept_lines *kept, u32 count, u32 wait)
{
    *kept = (struct kept_lines){
        .open = kept_lines_closed,
        .empty = row(kept_lines_empty, count),
        .wait = wait,
        .patience = wait,
        .count = count,
        .to_kept = count * (u32)sizeof(struct code_line),
    };
}

_Static_assert(offsetof(struct ept, protections) == offsetof(struct ept, generation) + 4,
               "read as one by kept_lines.S");
_Static_assert(KEPT_WRITTEN == 6 && KEPT_TOPS == 3 && KEPT_WORDS == 16 && CODE_LINES == 16, "kept_lines.S has so many");

void kept_lines_forget(struct kept_lines *kept)
{
    kept->open = kept_lines_closed;
    kept->wait = (u32)max_u64(kept->wait, 2);
}

/* What has been gathered so far. */
struct gathered {
    u32 written, tops, words, lines;
};

/* False: there is no room. */
static bool gather(struct kept_word *words, u32 *count, u32 max, struct kept_word word)
{
    for (u32 i = 0; i < *count; i++)
        if (words[i].at == word.at)
            return words[i].value == word.value;
    if (*count == max)
        return false;
    words[(*count)++] = word;
    return true;
}

static bool gather_written(struct kept_lines *kept, struct gathered *g, u64 page)
{
    for (u32 i = 0; i < g->written; i++)
        if (kept->written[i] == page)
            return true;
    if (g->written == KEPT_WRITTEN)
        return false;
    kept->written[g->written++] = page;
    return true;
}

static bool gather_walk(struct kept_lines *kept, struct gathered *g, const struct walk_memo_line *walk)
{
    if (!gather(kept->top, &g->tops, KEPT_TOPS, (struct kept_word){walk->top, walk->value[0]}))
        return false;
    for (u32 i = 1; i < WALK_MEMO_ENTRIES; i++)
        if (!gather(kept->word, &g->words, KEPT_WORDS, (struct kept_word){(u64)walk->entry[i], walk->value[i]}))
            return false;
    return true;
}

/* FS or GS: where it begins is noted. False: another one has been. */
static bool take_base(struct vcpu *v, struct kept_lines *kept, struct code_reach asked, u64 *base)
{
    *base = 0;
    if (asked.segment != SEG_FS && asked.segment != SEG_GS)
        return true;
    if (kept->based.size && kept->based.segment != asked.segment)
        return false;
    *base = vcpu_segment(v, (enum segment_name)asked.segment)->base;
    kept->based = asked;
    kept->base = *base;
    return true;
}

/* Whether a walk would fill the line just so now. */
static bool may_keep(struct vcpu *v, struct kept_lines *kept, u32 index, struct gathered *g)
{
    const struct code_line *line = &kept->lines.line[index];
    struct code_reach asked = kept_lines_asked(kept)[index];
    struct gathered before = *g;
    u64 base;
    if (!line->limit || !asked.size || !take_base(v, kept, asked, &base))
        return false;
    u64 linear = line->linear + base;
    enum walk_access access = asked.kind & REACH_WRITE ? WALK_WRITE : WALK_READ;
    const struct walk_memo_line *walk = walk_memo_find(v, linear, access, access_cpl(v));
    struct code_line now;
    if (!walk || !translated_fill(v, walk, asked, linear, &now) || now.limit != line->limit || now.host != line->host)
        return false;
    bool written = access == WALK_WRITE && walk->class == EPT_CLASS_RAM;
    if ((!written || gather_written(kept, g, (u64)walk->touch)) && gather_walk(kept, g, walk))
        return true;
    *g = before;
    return false;
}

void kept_lines_learn(struct vcpu *v)
{
    struct kept_lines *kept = v->frame.learned;
    const struct translation *running = v->frame.running;
    struct gathered g = {0};
    v->have |= v->dirty; /* what the code has changed is not fetched over it */
    access_need(v, EMUL_STEP_PARTS);
    walk_memo_begin(v, &v->vm->window);
    kept->based.size = 0;
    for (u32 i = 0; i < kept->count; i++) {
        struct code_line *line = &kept->lines.line[i];
        if (running->walk_index != TC_NO_WALK && may_keep(v, kept, i, &g))
            g.lines++;
        else
            line->limit = 0;
        line[kept->count] = *line;
    }
    kept->lines.filled = 0;
    kept->apart = row(kept_lines_apart, g.written);
    kept->tops = row(kept_lines_tops, g.tops);
    kept->words = row(kept_lines_words, g.words);
    kept->changes = v->vm->ept.generation | (u64)v->vm->ept.protections << 32;
    kept->epoch = v->walks->epoch;
    kept->uses = KEPT_USES;
    kept->open = kept->based.size ? kept_lines_open_based : kept_lines_open;
    if (g.lines)
        return;
    kept->open = kept_lines_closed;
    kept->wait = kept->patience = (u32)min_u64(2 * kept->patience, KEPT_PATIENCE);
}
