/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory by segment and offset.
 */
#include "emul/access.h"

#include "emul/device.h"
#include "emul/watch.h"
#include "lib/string.h"

bool access_canonical(struct vcpu *v, u64 linear)
{
    u32 spare = 16;
    if (v->vm->linear_bits == 57 && (v->cr4 & CR4_LA57))
        spare = 7;
    return (u64)((s64)(linear << spare) >> spare) == linear;
}

static bool alignment_slow(struct vcpu *v, gva_t linear, u32 size)
{
    if (!(linear.at & (size - 1)) || size > 8 || !(vcpu_cr0(v) & CR0_AM) || access_cpl(v) != 3)
        return true;
    vcpu_raise_code(v, VECTOR_AC, 0);
    return false;
}

/*
 * SDM "Interrupt 17-Alignment Check Exception". Operands of 16 bytes are left out: their instructions either demand
 * alignment by #GP or may ignore it.
 */
static inline __attribute__((always_inline)) bool aligned(struct vcpu *v, gva_t linear, u32 size)
{
    return !(v->rflags & RFLAGS_AC) || alignment_slow(v, linear, size);
}

/* Of an operand that begins in canonical form and ends outside, Intel's processors check the alignment first. */
static __attribute__((noinline)) bool range_canonical_slow(struct vcpu *v, u64 linear, u32 size)
{
    return access_canonical(v, linear) && (access_canonical(v, linear + size - 1) || !aligned(v, gva(linear), size));
}

/* All bytes of an operand of up to 64; the common case is one comparison. */
static inline __attribute__((always_inline)) bool range_canonical(struct vcpu *v, u64 linear, u32 size)
{
    return linear + BIT(47) < BIT(48) - 64 || range_canonical_slow(v, linear, size);
}

static bool raise_segment(struct vcpu *v, enum segment_name segment)
{
    vcpu_raise_code(v, segment == SEG_SS ? VECTOR_SS : VECTOR_GP, 0);
    return false;
}

/* SDM "Segmentation in IA-32e Mode": in 64-bit mode only FS and GS have a base, nothing has a limit. */
u64 access_linear_unchecked(struct vcpu *v, enum segment_name segment, u64 offset)
{
    if (vcpu_code_size(v) != CODE_64)
        return (u32)(vcpu_segment(v, segment)->base + offset);
    if (segment == SEG_FS || segment == SEG_GS)
        offset += vcpu_segment(v, segment)->base;
    return offset;
}

static inline __attribute__((always_inline)) bool linear_64(struct vcpu *v, enum segment_name segment, u64 offset,
                                                            u32 size, gva_t *linear)
{
    if (segment == SEG_FS || segment == SEG_GS)
        offset += vcpu_segment(v, segment)->base;
    linear->at = offset;
    return range_canonical(v, offset, size) || raise_segment(v, segment);
}

/* SDM "Type Checking": what the segment's type allows. Real and virtual-8086 mode check no types. */
static bool type_allows(u32 access, enum access_kind kind)
{
    if (access & ACCESS_TYPE_CODE)
        return kind == ACCESS_FETCH || (kind == ACCESS_READ && (access & ACCESS_TYPE_WRITABLE));
    return kind == ACCESS_READ || (access & ACCESS_TYPE_WRITABLE);
}

/*
 * SDM "Limit Checking": beyond an effective limit of FFFFFFFFH, accesses "may or may not cause the indicated
 * exceptions". On Intel's processors they do in expand-down segments only; in others they wrap.
 */
static bool limit_allows(const struct segment *seg, u64 offset, u32 size)
{
    u64 last = offset + size - 1;
    bool expand_down = (seg->access & (ACCESS_TYPE_CODE | ACCESS_TYPE_EXPAND_DOWN)) == ACCESS_TYPE_EXPAND_DOWN;
    if (expand_down)
        return offset > seg->limit && last <= (seg->access & ACCESS_DB ? 0xffffffffu : 0xffffu);
    return last <= seg->limit || seg->limit == 0xffffffff;
}

static __attribute__((noinline)) bool linear_legacy(struct vcpu *v, enum segment_name segment, u64 offset, u32 size,
                                                    enum access_kind kind, gva_t *linear)
{
    const struct segment *seg = vcpu_segment(v, segment);
    if ((v->cr0 & CR0_PE) && !(v->rflags & RFLAGS_VM))
        if ((seg->access & ACCESS_UNUSABLE) || !type_allows(seg->access, kind))
            return raise_segment(v, segment);
    if (!limit_allows(seg, offset, size))
        return raise_segment(v, segment);
    linear->at = (u32)(seg->base + offset);
    return true;
}

static inline __attribute__((always_inline)) bool to_linear(struct vcpu *v, enum segment_name segment, u64 offset,
                                                            u32 size, enum access_kind kind, gva_t *linear)
{
    if (access_is_64(v))
        return linear_64(v, segment, offset, size, linear);
    return linear_legacy(v, segment, offset, size, kind, linear);
}

bool access_linear(struct vcpu *v, enum segment_name segment, u64 offset, u32 size, enum access_kind kind,
                   gva_t *linear)
{
    access_need(v, ACCESS_PARTS);
    return to_linear(v, segment, offset, size, kind, linear);
}

bool access_translate(struct vcpu *v, gva_t linear, enum access_kind kind, bool implicit, struct access_piece *piece)
{
    const struct window *window = &v->vm->window;
    walk_memo_begin(v, &v->vm->window);
    if (!implicit && access_recall(v, linear, kind, piece))
        return true;
    struct walk_result result;
    struct walk_request request = {
        .linear = linear,
        .access = walk_access_of(kind),
        .user = !implicit && access_cpl(v) == 3,
        .implicit = implicit,
    };
    if (guest_walk(v, window, &request, &result) != WALK_OK) {
        vcpu_raise_page_fault(v, result.error_code, linear);
        return false;
    }
    piece->at = result.gpa;
    piece->class = window_find(window, result.gpa, &piece->ptr);
    walk_memo_learn(v, window, &request, &result,
                    &(struct walk_memo_page){.cpl = access_cpl(v),
                                             .class = piece->class,
                                             .ptr = piece->ptr,
                                             .lapic = policy_is_apic(&v->vm->policy, piece->at.at)});
    return true;
}

/* An operand that goes on in the next page, which may lie anywhere; linear addresses wrap at 4 GiB outside 64-bit code.
 */
static __attribute__((noinline)) bool open_second(struct vcpu *v, gva_t linear, u32 first, enum access_kind kind,
                                                  bool implicit, struct access_span *span)
{
    u64 next = linear.at + first;
    span->count = 2;
    span->piece[1].size = span->piece[0].size - first;
    span->piece[0].size = first;
    if (!(v->efer & EFER_LMA) || (!implicit && !access_is_64(v)))
        next = (u32)next;
    return access_translate(v, gva(next), kind, implicit, &span->piece[1]);
}

bool access_open_linear(struct vcpu *v, gva_t linear, u32 size, enum access_kind kind, bool implicit,
                        struct access_span *span)
{
    access_need(v, ACCESS_PARTS);
    if (!implicit && kind != ACCESS_FETCH && !aligned(v, linear, size))
        return false;
    u32 first = PAGE_SIZE - (linear.at & ~PAGE_MASK);
    span->count = 1;
    span->piece[0].size = size;
    if (!access_translate(v, linear, kind, implicit, &span->piece[0]))
        return false;
    return first >= size || open_second(v, linear, first, kind, implicit, span);
}

/* A fault comes before a breakpoint's trap: only what can be performed is looked at. */
static inline bool open_watched(struct vcpu *v, gva_t linear, u32 size, enum access_kind kind, struct access_span *span)
{
    u32 first = PAGE_SIZE - (linear.at & ~PAGE_MASK);
    span->count = 1;
    span->piece[0].size = size;
    if (!access_translate(v, linear, kind, false, &span->piece[0]))
        return false;
    if (first < size && !open_second(v, linear, first, kind, false, span))
        return false;
    if (watch_armed(v))
        watch_memory(v, linear, size, kind != ACCESS_READ);
    return true;
}

bool access_open(struct vcpu *v, enum segment_name segment, u64 offset, u32 size, enum access_kind kind,
                 struct access_span *span)
{
    gva_t linear;
    access_need(v, ACCESS_PARTS);
    return to_linear(v, segment, offset, size, kind, &linear) && aligned(v, linear, size) &&
           open_watched(v, linear, size, kind, span);
}

bool access_open_next(struct vcpu *v, struct access_cursor *cursor, enum segment_name segment, u64 offset, u32 size,
                      enum access_kind kind, struct access_span *span)
{
    gva_t linear;
    access_need(v, ACCESS_PARTS);
    if (!to_linear(v, segment, offset, size, kind, &linear) || !aligned(v, linear, size))
        return false;
    u64 within = linear.at & ~PAGE_MASK;
    struct access_piece *piece = &span->piece[0];
    if ((linear.at & PAGE_MASK) == cursor->page && within + size <= PAGE_SIZE) {
        span->count = 1;
        piece->ptr = cursor->ptr ? cursor->ptr + within : NULL;
        piece->at = gpa(cursor->gpa + within);
        piece->size = size;
        piece->class = cursor->class;
        if (watch_armed(v))
            watch_memory(v, linear, size, kind != ACCESS_READ);
        return true;
    }
    if (!access_open(v, segment, offset, size, kind, span))
        return false;
    cursor->page = linear.at & PAGE_MASK;
    cursor->gpa = piece->at.at - within;
    cursor->ptr = piece->ptr ? (u8 *)piece->ptr - within : NULL;
    cursor->class = piece->class;
    return true;
}

/* One machine access where there is one of that size; else in pieces, lowest address first. */
static void machine_read(const volatile u8 *from, u8 *to, u32 size)
{
    while (size >= 8) {
        ((struct access_unaligned64 *)to)->value = ((const volatile struct access_unaligned64 *)from)->value;
        from += 8, to += 8, size -= 8;
    }
    if (size & 4) {
        ((struct access_unaligned32 *)to)->value = ((const volatile struct access_unaligned32 *)from)->value;
        from += 4, to += 4;
    }
    if (size & 2) {
        ((struct access_unaligned16 *)to)->value = ((const volatile struct access_unaligned16 *)from)->value;
        from += 2, to += 2;
    }
    if (size & 1)
        *to = *from;
}

static void machine_write(volatile u8 *to, const u8 *from, u32 size)
{
    while (size >= 8) {
        ((volatile struct access_unaligned64 *)to)->value = ((const struct access_unaligned64 *)from)->value;
        from += 8, to += 8, size -= 8;
    }
    if (size & 4) {
        ((volatile struct access_unaligned32 *)to)->value = ((const struct access_unaligned32 *)from)->value;
        from += 4, to += 4;
    }
    if (size & 2) {
        ((volatile struct access_unaligned16 *)to)->value = ((const struct access_unaligned16 *)from)->value;
        from += 2, to += 2;
    }
    if (size & 1)
        *to = *from;
}

/* Cached code in the page that was written must go (SPEC 5.2). */
static void ram_written(struct vcpu *v, const struct access_piece *piece)
{
    if (v->vm->ept.counts.read_only_pages && piece->class == EPT_CLASS_RAM)
        window_written(&v->vm->window, piece->at);
}

/* Trapped pages take at most 16 bytes at a time; Exeunt's own and absent memory is the window's matter. */
static void piece_get(struct vcpu *v, const struct access_piece *piece, u8 *to)
{
    if (piece->ptr) {
        machine_read(piece->ptr, to, piece->size);
    } else if (piece->class == EPT_CLASS_TRAPPED) {
        for (u32 done = 0; done < piece->size; done += 16)
            device_mmio_read(v, gpa(piece->at.at + done), min_u64(16, piece->size - done), to + done);
    } else {
        window_read(&v->vm->window, piece->at, to, piece->size);
    }
}

static void piece_put(struct vcpu *v, const struct access_piece *piece, const u8 *from)
{
    if (piece->ptr) {
        machine_write(piece->ptr, from, piece->size);
        ram_written(v, piece);
    } else if (piece->class == EPT_CLASS_TRAPPED) {
        for (u32 done = 0; done < piece->size; done += 16)
            device_mmio_write(v, gpa(piece->at.at + done), min_u64(16, piece->size - done), from + done);
    } else {
        window_write(&v->vm->window, piece->at, from, piece->size);
    }
}

void access_get(struct vcpu *v, const struct access_span *span, void *value)
{
    piece_get(v, &span->piece[0], value);
    if (span->count == 2)
        piece_get(v, &span->piece[1], (u8 *)value + span->piece[0].size);
}

void access_put(struct vcpu *v, const struct access_span *span, const void *value)
{
    piece_put(v, &span->piece[0], value);
    if (span->count == 2)
        piece_put(v, &span->piece[1], (const u8 *)value + span->piece[0].size);
}

u64 access_get_value_slow(struct vcpu *v, const struct access_span *span)
{
    const struct access_piece *piece = &span->piece[0];
    u64 value = 0;
    if (span->count == 1 && piece->class == EPT_CLASS_TRAPPED)
        return device_mmio_load(v, piece->at, piece->size);
    access_get(v, span, &value);
    return value;
}

void access_put_value(struct vcpu *v, const struct access_span *span, u64 value)
{
    const struct access_piece *piece = &span->piece[0];
    if (span->count == 1 && piece->class == EPT_CLASS_TRAPPED)
        device_mmio_store(v, piece->at, piece->size, value);
    else
        access_put(v, span, &value);
}

static bool exchange_16(void *at, const u64 *expected, const u64 *desired)
{
    u64 low = expected[0], high = expected[1];
    bool done;
    __asm__ volatile("lock cmpxchg16b %[at]"
                     : "=@ccz"(done), [at] "+m"(*(struct { u64 half[2]; } *)at), "+a"(low), "+d"(high)
                     : "b"(desired[0]), "c"(desired[1])
                     : "memory");
    return done;
}

static bool exchange_small(void *at, u32 size, u64 expected, u64 desired)
{
    bool done;
    switch (size) {
    case 1:
        __asm__ volatile("lock cmpxchgb %[to], (%[at])"
                         : "=@ccz"(done), "+a"(expected)
                         : [at] "r"(at), [to] "q"((u8)desired)
                         : "memory");
        return done;
    case 2:
        __asm__ volatile("lock cmpxchgw %[to], (%[at])"
                         : "=@ccz"(done), "+a"(expected)
                         : [at] "r"(at), [to] "r"((u16)desired)
                         : "memory");
        return done;
    case 4:
        __asm__ volatile("lock cmpxchgl %[to], (%[at])"
                         : "=@ccz"(done), "+a"(expected)
                         : [at] "r"(at), [to] "r"((u32)desired)
                         : "memory");
        return done;
    default:
        __asm__ volatile("lock cmpxchgq %[to], (%[at])"
                         : "=@ccz"(done), "+a"(expected)
                         : [at] "r"(at), [to] "r"(desired)
                         : "memory");
        return done;
    }
}

bool access_exchange(struct vcpu *v, const struct access_span *span, const void *expected, const void *desired)
{
    const struct access_piece *first = &span->piece[0], *second = &span->piece[1];
    u32 size = first->size;
    bool together = first->class == EPT_CLASS_RAM;
    if (span->count == 2) {
        together = together && second->class == EPT_CLASS_RAM && (u8 *)first->ptr + first->size == second->ptr;
        size += second->size;
    }
    if (!together) {
        access_put(v, span, desired);
        return true;
    }
    u64 from[2] = {0}, to[2] = {0};
    memcpy(from, expected, size);
    memcpy(to, desired, size);
    bool done = size == 16 ? exchange_16(first->ptr, from, to) : exchange_small(first->ptr, size, from[0], to[0]);
    for (u32 i = 0; done && i < span->count; i++)
        ram_written(v, &span->piece[i]);
    return done;
}

bool access_read(struct vcpu *v, enum segment_name segment, u64 offset, void *value, u32 size)
{
    struct access_span span;
    if (!access_open(v, segment, offset, size, ACCESS_READ, &span))
        return false;
    access_get(v, &span, value);
    return true;
}

bool access_write(struct vcpu *v, enum segment_name segment, u64 offset, const void *value, u32 size)
{
    struct access_span span;
    if (!access_open(v, segment, offset, size, ACCESS_WRITE, &span))
        return false;
    access_put(v, &span, value);
    return true;
}

bool access_linear_read(struct vcpu *v, gva_t linear, void *value, u32 size, bool implicit)
{
    struct access_span span;
    if (!access_open_linear(v, linear, size, ACCESS_READ, implicit, &span))
        return false;
    access_get(v, &span, value);
    return true;
}

bool access_linear_write(struct vcpu *v, gva_t linear, const void *value, u32 size, bool implicit)
{
    struct access_span span;
    if (!access_open_linear(v, linear, size, ACCESS_WRITE, implicit, &span))
        return false;
    access_put(v, &span, value);
    return true;
}
