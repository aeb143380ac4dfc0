/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compiled to assembly only: the build turns each "->NAME value" into a #define in offsets.h, for the .S files. Offsets
 * in struct vcpu, which RSP points at while translated code runs.
 */
#include "cache/translations.h"
#include "emul/device_apic.h"
#include "emul/kept_lines.h"
#include "emul/vm.h"
#include "ept/walk_memo.h"

#define OFFSET(name, member) asm volatile("\n->" #name " %c0" : : "i"(offsetof(struct vcpu, member)))
#define TRANSLATION(member, name) CONSTANT(T_##name, offsetof(struct translation, member))
#define MEMO(member, name) CONSTANT(MEMO_##name, offsetof(struct walk_memo_line, member))
#define KEPT(member, name) CONSTANT(KEPT_##name, offsetof(struct kept_lines, member))
#define CONSTANT(name, value) asm volatile("\n->" #name " %c0" : : "i"(value))

void vcpu_offsets(void);
void reach_offsets(void);
void kept_offsets(void);

void vcpu_offsets(void)
{
    OFFSET(VCPU_RAX, gpr[RAX]);
    OFFSET(VCPU_RCX, gpr[RCX]);
    OFFSET(VCPU_RDX, gpr[RDX]);
    OFFSET(VCPU_RBX, gpr[RBX]);
    OFFSET(VCPU_RSP, gpr[RSP]);
    OFFSET(VCPU_RBP, gpr[RBP]);
    OFFSET(VCPU_RSI, gpr[RSI]);
    OFFSET(VCPU_RDI, gpr[RDI]);
    OFFSET(VCPU_R8, gpr[R8]);
    OFFSET(VCPU_R9, gpr[R9]);
    OFFSET(VCPU_R10, gpr[R10]);
    OFFSET(VCPU_R11, gpr[R11]);
    OFFSET(VCPU_R12, gpr[R12]);
    OFFSET(VCPU_R13, gpr[R13]);
    OFFSET(VCPU_R14, gpr[R14]);
    OFFSET(VCPU_R15, gpr[R15]);
    OFFSET(VCPU_RIP, rip);
    OFFSET(VCPU_RFLAGS, rflags);
    OFFSET(VCPU_HAVE, have);
    OFFSET(VCPU_DIRTY, dirty);
    OFFSET(FRAME_END_DIRTY, frame.end_dirty);
    OFFSET(FRAME_FLAGS, frame.flags);
    OFFSET(FRAME_SAVE, frame.save);
    OFFSET(FRAME_LINEAR, frame.linear);
    OFFSET(FRAME_LINES, frame.lines);
    OFFSET(FRAME_TABLE, frame.table);
    OFFSET(FRAME_SEGMENT_BASE, frame.segment_base);
    OFFSET(VCPU_WALKS, walks);
    OFFSET(VCPU_VM, vm);
    OFFSET(FRAME_REQUEST, frame.request);
    OFFSET(FRAME_PERFORMED, frame.performed);
    OFFSET(FRAME_LEFT, frame.left);
    OFFSET(FRAME_END_CARE, frame.end_care);
    OFFSET(FRAME_RUNNING, frame.running);
    OFFSET(FRAME_LEARNED, frame.learned);
    OFFSET(FRAME_LEARNED_DIRTY, frame.learned_dirty);
    OFFSET(FRAME_LEARNED_CARE, frame.learned_care);
    OFFSET(FRAME_EXIT_HOST, frame.exit_host);
    OFFSET(FRAME_EXIT_LIMIT, frame.exit_limit);
    TRANSLATION(writes, WRITES);
    TRANSLATION(rip, RIP);
    TRANSLATION(reason, REASON);
    TRANSLATION(mode, MODE);
    TRANSLATION(check, CHECK);
    TRANSLATION(expect, EXPECT);
    TRANSLATION(expect_mask, EXPECT_MASK);
    TRANSLATION(code, CODE);
    TRANSLATION(uses_to_compare, USES_TO_COMPARE);
    TRANSLATION(generation, GENERATION);
    TRANSLATION(walk_index, WALK_INDEX);
    TRANSLATION(held, PAGE);
    TRANSLATION(word, WORD);
    TRANSLATION(uses_rsp, USES_RSP);
    TRANSLATION(places, PLACES);
    TRANSLATION(value, VALUE);
    TRANSLATION(epoch, EPOCH);
    TRANSLATION(entry, ENTRY);
    TRANSLATION(length, LENGTH);
    _Static_assert(TC_WRITES == 4, "emul/translated.S looks at each");
    CONSTANT(T_SIZE, sizeof(struct translation));
    CONSTANT(T_HASH, (s32)TRANSLATIONS_HASH);
    CONSTANT(T_SHIFT, TRANSLATIONS_SHIFT);
    _Static_assert(offsetof(struct translation, quick) == 0, "its account is found where it is");
    _Static_assert(offsetof(struct exit_place, account) == 0 && sizeof(struct exit_place) == 48,
                   "find_place of vmx/entry.S");
    CONSTANT(PLACE_HOST, offsetof(struct exit_place, host));
    CONSTANT(PLACE_WHERE, offsetof(struct exit_place, where));
    CONSTANT(PLACE_SLOTS, PLACES);
    CONSTANT(PLACE_PORT_TO_REGISTER, PLACE_PORT_TO_REGISTER);
    CONSTANT(PAGE_GENERATION, offsetof(struct code_page, generation));
    CONSTANT(PAGE_STATE, offsetof(struct code_page, state));
    CONSTANT(PAGE_READ_ONLY, CODE_PAGE_READ_ONLY);
    CONSTANT(PART_RFLAGS, PART_RFLAGS);
    CONSTANT(PART_RIP, PART_RIP);
    CONSTANT(PART_RSP, PART_RSP);
}

/* What translated_call_reach() looks at. */
void reach_offsets(void)
{
    CONSTANT(LINE_LINEAR, offsetof(struct code_line, linear));
    CONSTANT(LINE_LIMIT, offsetof(struct code_line, limit));
    CONSTANT(LINE_HOST, offsetof(struct code_line, host));
    CONSTANT(LINES_FILLED, offsetof(struct code_lines, filled));
    CONSTANT(LINES_LINE, offsetof(struct code_lines, line));
    CONSTANT(MEMO_LINE, offsetof(struct walk_memo, line));
    CONSTANT(MEMO_DATA_LINES, WALK_MEMO_LINES / 2);
    MEMO(key, KEY);
    MEMO(top, TOP);
    MEMO(value, VALUE);
    MEMO(entry, ENTRY);
    MEMO(touch, TOUCH);
    MEMO(class, CLASS);
    MEMO(lapic, LAPIC);
    MEMO(generation, GENERATION);
    MEMO(write_protections, WRITE_PROTECTIONS);
    CONSTANT(VM_GENERATION, offsetof(struct vm, ept.generation));
    CONSTANT(VM_PROTECTIONS, offsetof(struct vm, ept.protections));
    CONSTANT(EPT_CLASS_RAM, EPT_CLASS_RAM);
    CONSTANT(EPT_CLASS_TRAPPED, EPT_CLASS_TRAPPED);
    CONSTANT(REACH_TRAPPED, REACH_TRAPPED);
    CONSTANT(REACH_WRITE, REACH_WRITE);
    CONSTANT(REACH_WRITE_SHIFT, __builtin_ctz(REACH_WRITE));
    CONSTANT(APIC_ICR, DEVICE_APIC_ICR);
    CONSTANT(SEG_FS, SEG_FS);
    CONSTANT(SEG_GS, SEG_GS);
    CONSTANT(REACH_BY_RSI, REACH_BY_RSI);
}

/* emul/kept_lines.S */
void kept_offsets(void)
{
    KEPT(open, OPEN);
    KEPT(apart, APART);
    KEPT(written, WRITTEN);
    KEPT(tops, TOPS);
    KEPT(words, WORDS);
    KEPT(empty, EMPTY);
    KEPT(changes, CHANGES);
    KEPT(base, BASE);
    KEPT(based, BASED);
    KEPT(epoch, EPOCH);
    KEPT(uses, USES);
    KEPT(wait, WAIT);
    KEPT(patience, PATIENCE);
    KEPT(top, TOP);
    KEPT(word, WORD);
    KEPT(to_kept, TO_KEPT);
    KEPT(lines, LINES);
    CONSTANT(LINE_SIZE, sizeof(struct code_line));
    CONSTANT(MEMO_EPOCH, offsetof(struct walk_memo, epoch));
    CONSTANT(KEPT_USES_MAX, KEPT_USES);
    CONSTANT(KEPT_PATIENCE_MAX, KEPT_PATIENCE);
    CONSTANT(KEPT_PAYS, KEPT_PAYS);
}
