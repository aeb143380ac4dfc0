/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/coherence.h"

#include "lib/test_switch.h"

void coherence_init(struct coherence *c, struct ept *ept, enum coherence_mode mode)
{
    c->ept = ept;
    c->mode = mode;
}

static struct code_page *set_of(struct coherence *c, u64 page)
{
    return &c->pages[(page >> PAGE_SHIFT) % (CODE_PAGE_SLOTS / CODE_PAGE_WAYS) * CODE_PAGE_WAYS];
}

static struct code_page *find(struct coherence *c, u64 page)
{
    struct code_page *set = set_of(c, page);
    for (u32 i = 0; i < CODE_PAGE_WAYS; i++)
        if (set[i].state != CODE_PAGE_FREE && set[i].page == page)
            return &set[i];
    return NULL;
}

/* All work of the page ends here. */
static u32 drop(struct code_page *page)
{
    u32 works = page->works;
    page->generation++;
    page->works = 0;
    return works;
}

static void release(struct coherence *c, struct code_page *page)
{
    if (page->state == CODE_PAGE_READ_ONLY)
        ept_write_allow(c->ept, gpa(page->page));
    page->state = CODE_PAGE_OPEN;
}

/* The slot whose loss costs least: a free one, one with nothing in it, else the one with least work. */
static struct code_page *coldest(struct coherence *c, u64 page)
{
    struct code_page *set = set_of(c, page), *best = set;
    for (u32 i = 1; i < CODE_PAGE_WAYS; i++)
        if (set[i].state < best->state || (set[i].state == best->state && set[i].works < best->works))
            best = &set[i];
    return best;
}

static struct code_page *take(struct coherence *c, u64 at)
{
    struct code_page *page = coldest(c, at);
    if (page->state != CODE_PAGE_FREE) {
        c->counts.invalidations_eviction += drop(page);
        release(c, page);
    }
    *page = (struct code_page){.page = at, .generation = page->generation + 1, .state = CODE_PAGE_OPEN};
    return page;
}

static bool make_read_only(struct coherence *c, struct code_page *page)
{
    if (ept_write_protect(c->ept, gpa(page->page)) != EPT_OK)
        return false;
    page->state = CODE_PAGE_READ_ONLY;
    if (!test_switch(TEST_NO_FLUSH))
        c->flush(c->context);
    return true;
}

struct code_page *coherence_hold(struct coherence *c, gpa_t at)
{
    u64 address = at.at & PAGE_MASK;
    if (ept_classify(c->ept, at) != EPT_CLASS_RAM)
        return NULL;
    struct code_page *page = find(c, address);
    if (!page)
        page = take(c, address);
    if (page->state == CODE_PAGE_OPEN && c->mode == COHERE_PROTECT && !make_read_only(c, page))
        return NULL;
    page->works++;
    return page;
}

/* Written too often within the window: what depends on it is compared from now on. */
static void note_write(struct coherence *c, struct code_page *page)
{
    u64 now = c->time();
    if (now - page->written > WRITE_WINDOW)
        page->writes = 0;
    page->written = now;
    if (++page->writes < WRITES_BEFORE_COMPARING)
        return;
    page->writes = 0;
    page->calm = 0;
    page->state = CODE_PAGE_COMPARED;
    c->counts.pages_demoted++;
}

void coherence_written(struct coherence *c, gpa_t at)
{
    struct code_page *page = find(c, at.at & PAGE_MASK);
    if (!page || page->state != CODE_PAGE_READ_ONLY)
        return;
    if (!test_switch(TEST_NO_DROP))
        c->counts.invalidations_write += drop(page);
    release(c, page);
    note_write(c, page);
}

void coherence_same(struct coherence *c, struct code_page *page)
{
    if (page->state != CODE_PAGE_COMPARED || c->mode == COHERE_COMPARE)
        return;
    if (++page->calm >> page->patience < CALM_BEFORE_TRUST)
        return;
    if (page->patience < 16)
        page->patience++;
    drop(page);
    page->state = CODE_PAGE_OPEN; /* whoever holds it next makes it read-only */
    c->counts.pages_trusted++;
}

void coherence_different(struct coherence *c, struct code_page *page)
{
    c->counts.differences++;
    page->calm = 0;
    if (page->state != CODE_PAGE_READ_ONLY)
        return;
    /* SPEC 5.3: nobody announced it, so a device did it, and could do it again anywhere. */
    c->counts.unannounced++;
    c->mode = COHERE_COMPARE;
    for (u32 i = 0; i < CODE_PAGE_SLOTS; i++)
        if (c->pages[i].state == CODE_PAGE_READ_ONLY)
            release(c, &c->pages[i]);
}

u32 coherence_pages_compared(const struct coherence *c)
{
    u32 count = 0;
    for (u32 i = 0; i < CODE_PAGE_SLOTS; i++)
        count += c->pages[i].state == CODE_PAGE_COMPARED;
    return count;
}
