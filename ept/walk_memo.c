/* SPDX-License-Identifier: BSD-2-Clause */
#include "ept/walk_memo.h"

#define ENTRY_U BIT(2)

u8 walk_memo_no_table[PAGE_SIZE] __attribute__((aligned(8)));

/* SMEP, SMAP and protection keys concern user pages; their verdict may hang on RFLAGS.AC and PKRU. */
static bool has_ifs(const struct vcpu *v, const struct walk_result *result)
{
    u64 all = ~0ull;
    for (u32 i = 0; i < result->depth; i++)
        all &= result->entries[i].value;
    return (all & ENTRY_U) && (v->cr4 & (CR4_SMAP | CR4_PKE));
}

static bool worth_keeping(const struct vcpu *v, const struct walk_request *request, const struct walk_result *result)
{
    bool four_levels = (v->efer & EFER_LMA) && (v->cr0 & CR0_PG) && result->depth >= WALK_MEMO_ENTRIES - 1;
    return four_levels && !request->implicit && !request->probe && !has_ifs(v, result);
}

static void forget_lines(struct vcpu *v, const struct window *window)
{
    struct walk_memo *memo = v->walks;
    memo->cr0 = v->cr0;
    memo->cr4 = v->cr4;
    memo->efer = v->efer;
    memo->generation = window->ept->generation;
    memo->epoch++;
    for (u32 i = 0; i < WALK_MEMO_LINES; i++)
        memo->line[i].key = 0;
}

void walk_memo_restart(struct vcpu *v, const struct window *window)
{
    struct walk_memo *memo = v->walks;
    if (memo->cr0 != v->cr0 || memo->cr4 != v->cr4 || memo->efer != v->efer ||
        memo->generation != window->ept->generation)
        forget_lines(v, window);
    memo->cr3 = v->cr3;
    memo->table = window_ram(window, v->cr3 & BITS(51, 12));
    if (!memo->table)
        memo->table = walk_memo_no_table;
}

/* Where the first byte of the page is, or NULL. */
static u8 *page_of(void *ptr, u64 linear)
{
    return ptr ? (u8 *)ptr - (linear & ~PAGE_MASK) : NULL;
}

static u8 *touchable(const struct window *window, const struct walk_memo_line *line)
{
    if (line->class != EPT_CLASS_TRAPPED)
        return line->ptr;
    return line->page < window->physmap.direct_end ? (u8 *)window->physmap.direct + line->page : NULL;
}

void walk_memo_learn(struct vcpu *v, const struct window *window, const struct walk_request *request,
                     const struct walk_result *result, const struct walk_memo_page *page)
{
    u64 linear = request->linear.at;
    struct walk_memo_line *line = walk_memo_slot(v->walks, linear, request->access);
    if (!worth_keeping(v, request, result))
        return;
    line->key = 0;
    for (u32 i = 0; i < WALK_MEMO_ENTRIES; i++) {
        const struct walk_entry *entry = &result->entries[min_u64(i, result->depth - 1)];
        line->entry[i] = window_ram(window, entry->at.at);
        line->value[i] = entry->value;
        if (!line->entry[i])
            return;
    }
    line->top = result->entries[0].at.at & ~PAGE_MASK;
    line->page = result->gpa.at & PAGE_MASK;
    line->class = (u8)page->class;
    line->generation = window->ept->generation;
    line->write_protections = window->ept->protections - 1; /* not known */
    line->lapic = page->lapic;
    line->ptr = page_of(page->ptr, linear);
    line->touch = touchable(window, line);
    line->key = walk_memo_key(linear, request->access, page->cpl);
}
