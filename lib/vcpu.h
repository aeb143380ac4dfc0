/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One guest CPU, as every room above the ground sees it: registers, mode, segments, control registers, the event that
 * waits to be delivered. It knows nothing of a VMCS.
 *
 * State is fetched lazily: `have` says which parts are in the struct; vcpu_need() asks the owner (vmx/ under VT-x;
 * nobody on the host, where everything is present) to fetch the rest. Who changes a part marks it with vcpu_dirty(),
 * and the owner writes it back before the guest runs again.
 */
#ifndef LIB_VCPU_H
#define LIB_VCPU_H

#include "lib/code_frame.h"
#include "lib/types.h"

/* General-purpose registers, numbered as the instruction encoding numbers them. */
enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, GPR_COUNT };

/* Segment registers, in the order of their encoding, which is also the order of the VMCS fields. */
enum segment_name { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, SEG_COUNT };

/* `access` has the VMCS format (SDM "Guest Register State", table "Format of Access Rights"). */
struct segment {
    u64 base;
    u32 limit; /* in bytes, already scaled by G */
    u32 access;
    u16 selector;
};

enum segment_access {
    ACCESS_TYPE = 0xf,
    ACCESS_TYPE_ACCESSED = 1,
    ACCESS_TYPE_WRITABLE = 2,    /* data; for code: readable */
    ACCESS_TYPE_EXPAND_DOWN = 4, /* data; for code: conforming */
    ACCESS_TYPE_CODE = 8,
    ACCESS_S = 1 << 4, /* code or data, not a system segment */
    ACCESS_DPL_SHIFT = 5,
    ACCESS_DPL = 3 << 5,
    ACCESS_P = 1 << 7,
    ACCESS_AVL = 1 << 12,
    ACCESS_L = 1 << 13,
    ACCESS_DB = 1 << 14,
    ACCESS_G = 1 << 15,
    ACCESS_UNUSABLE = 1 << 16,
};

struct descriptor_table {
    u64 base;
    u32 limit;
};

enum rflags_bit {
    RFLAGS_CF = 1 << 0,
    RFLAGS_FIXED1 = 1 << 1,
    RFLAGS_PF = 1 << 2,
    RFLAGS_AF = 1 << 4,
    RFLAGS_ZF = 1 << 6,
    RFLAGS_SF = 1 << 7,
    RFLAGS_TF = 1 << 8,
    RFLAGS_IF = 1 << 9,
    RFLAGS_DF = 1 << 10,
    RFLAGS_OF = 1 << 11,
    RFLAGS_IOPL_SHIFT = 12,
    RFLAGS_IOPL = 3 << 12,
    RFLAGS_NT = 1 << 14,
    RFLAGS_RF = 1 << 16,
    RFLAGS_VM = 1 << 17,
    RFLAGS_AC = 1 << 18,
    RFLAGS_VIF = 1 << 19,
    RFLAGS_VIP = 1 << 20,
    RFLAGS_ID = 1 << 21,
};

#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

#define CR4_VME BIT(0)
#define CR4_PVI BIT(1)
#define CR4_TSD BIT(2)
#define CR4_DE BIT(3)
#define CR4_PSE BIT(4)
#define CR4_PAE BIT(5)
#define CR4_MCE BIT(6)
#define CR4_PGE BIT(7)
#define CR4_PCE BIT(8)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP BIT(11)
#define CR4_LA57 BIT(12)
#define CR4_VMXE BIT(13)
#define CR4_SMXE BIT(14)
#define CR4_FSGSBASE BIT(16)
#define CR4_PCIDE BIT(17)
#define CR4_OSXSAVE BIT(18)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define CR4_PKE BIT(22)
#define CR4_CET BIT(23)
#define CR4_PKS BIT(24)

/* What a page walk asks. */
#define CR0_PAGING (CR0_PE | CR0_WP | CR0_PG)
#define CR4_PAGING (CR4_PSE | CR4_PAE | CR4_LA57 | CR4_SMEP | CR4_SMAP | CR4_PKE | CR4_CET | CR4_PKS)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

enum vector {
    VECTOR_DE = 0,
    VECTOR_DB = 1,
    VECTOR_NMI = 2,
    VECTOR_BP = 3,
    VECTOR_OF = 4,
    VECTOR_BR = 5,
    VECTOR_UD = 6,
    VECTOR_NM = 7,
    VECTOR_DF = 8,
    VECTOR_TS = 10,
    VECTOR_NP = 11,
    VECTOR_SS = 12,
    VECTOR_GP = 13,
    VECTOR_PF = 14,
    VECTOR_MF = 16,
    VECTOR_AC = 17,
    VECTOR_MC = 18,
    VECTOR_XM = 19,
    VECTOR_VE = 20,
    VECTOR_CP = 21,
};

/* SDM "VM-Entry Controls for Event Injection": interruption types. */
enum event_type {
    EVENT_EXTERNAL_INTERRUPT = 0,
    EVENT_NMI = 2,
    EVENT_HARDWARE_EXCEPTION = 3,
    EVENT_SOFTWARE_INTERRUPT = 4,
    EVENT_PRIVILEGED_SOFTWARE_EXCEPTION = 5,
    EVENT_SOFTWARE_EXCEPTION = 6,
};

/* An event that is to be delivered at the next VM entry. */
struct event {
    bool valid;
    bool has_error_code;
    u8 vector;
    u8 type;               /* enum event_type */
    u8 instruction_length; /* software interrupts and exceptions */
    u32 error_code;
};

/* SDM "Guest Non-Register State": interruptibility state. */
enum interruptibility {
    BLOCKING_BY_STI = 1 << 0,
    BLOCKING_BY_MOV_SS = 1 << 1,
    BLOCKING_BY_SMI = 1 << 2,
    BLOCKING_BY_NMI = 1 << 3,
};

/* Parts of struct vcpu that are fetched and written back one by one. gpr[] (without RSP) and cr2 are always there. */
enum vcpu_part {
    PART_SEG_ES = 1 << SEG_ES, /* 1 << segment_name for each of the eight */
    PART_SEG_CS = 1 << SEG_CS,
    PART_SEG_SS = 1 << SEG_SS,
    PART_SEG_DS = 1 << SEG_DS,
    PART_SEG_FS = 1 << SEG_FS,
    PART_SEG_GS = 1 << SEG_GS,
    PART_SEG_LDTR = 1 << SEG_LDTR,
    PART_SEG_TR = 1 << SEG_TR,
    PART_GDTR = 1 << 8,
    PART_IDTR = 1 << 9,
    PART_RIP = 1 << 10,
    PART_RSP = 1 << 11,
    PART_RFLAGS = 1 << 12,
    PART_CR0 = 1 << 13,
    PART_CR3 = 1 << 14,
    PART_CR4 = 1 << 15,
    PART_EFER = 1 << 16,
    PART_PDPTES = 1 << 17,
    PART_DR7 = 1 << 18,
    PART_INTERRUPTIBILITY = 1 << 19,
    PART_PENDING_DEBUG = 1 << 20,
    PART_PKRU = 1 << 21,
    /* Of CS and SS no more than the access rights: KVM shadows these for a nested Exeunt, bases and limits it does not.
     */
    PART_CS_ACCESS = 1 << 22,
    PART_SS_ACCESS = 1 << 23,
    PART_ALL = (1 << 24) - 1,
};

struct vm;
struct walk_memo;
struct tcache;

struct vcpu {
    /*
     * What is used most stands first: the first 128 bytes are addressed with a displacement of one byte, which is
     * worth several KiB of code.
     */
    u32 have;  /* enum vcpu_part: what is in this struct */
    u32 dirty; /* enum vcpu_part: what the owner must write back */
    u64 rip;
    u64 rflags;
    /*
     * As the guest sees them (masked bits taken from the read shadows). Those of CR0 and CR4 that rule paging are
     * always right (CR0_PAGING, CR4_PAGING: the owner keeps them), the others after vcpu_need().
     */
    u64 cr0;
    struct vm *vm;      /* what all CPUs of the guest share: emul/vm.h */
    struct event event; /* what the next VM entry delivers; set by vcpu_raise() */
    u32 index;          /* 0 for the bootstrap processor */
    u64 gpr[GPR_COUNT]; /* up to RDI within those bytes */

    u64 cr2, cr3, cr4;
    u64 efer;
    u64 pdpte[4];
    u64 dr7;
    u32 pkru; /* meaningful with CR4.PKE */
    struct segment seg[SEG_COUNT];
    struct descriptor_table gdtr, idtr;
    u32 interruptibility; /* enum interruptibility */
    u64 pending_debug;    /* SDM "Pending Debug Exceptions" */

    void (*fetch)(struct vcpu *, u32 parts); /* fills `parts`; NULL where everything is always there */
    struct tcache *tcache;                   /* this CPU's own: cache/tcache.h; NULL with engine=interp */
    struct walk_memo *walks;                 /* this CPU's own: ept/walk_memo.h */
    struct code_frame frame;
};

static inline void vcpu_need(struct vcpu *v, u32 parts)
{
    u32 missing = parts & ~v->have;
    if (missing) {
        v->fetch(v, missing);
        v->have |= missing;
    }
}

static inline void vcpu_dirty(struct vcpu *v, u32 parts)
{
    v->have |= parts;
    v->dirty |= parts;
}

static inline struct segment *vcpu_segment(struct vcpu *v, enum segment_name name)
{
    vcpu_need(v, 1u << name);
    return &v->seg[name];
}

static inline u64 vcpu_rip(struct vcpu *v)
{
    vcpu_need(v, PART_RIP);
    return v->rip;
}

static inline u64 vcpu_rflags(struct vcpu *v)
{
    vcpu_need(v, PART_RFLAGS);
    return v->rflags;
}

static inline u64 vcpu_cr0(struct vcpu *v)
{
    vcpu_need(v, PART_CR0);
    return v->cr0;
}

static inline u64 vcpu_cr4(struct vcpu *v)
{
    vcpu_need(v, PART_CR4);
    return v->cr4;
}

static inline u64 vcpu_efer(struct vcpu *v)
{
    vcpu_need(v, PART_EFER);
    return v->efer;
}

/* Current privilege level: SS.DPL, whatever CS says (SDM "Guest Register State"); 3 in virtual-8086 mode, 0 in real
 * mode. */
static inline unsigned vcpu_cpl(struct vcpu *v)
{
    if (!(v->have & (PART_SEG_SS | PART_SS_ACCESS)))
        vcpu_need(v, PART_SS_ACCESS);
    return (v->seg[SEG_SS].access & ACCESS_DPL) >> ACCESS_DPL_SHIFT;
}

/* How the bytes at CS:RIP are read. */
enum code_size { CODE_16 = 2, CODE_32 = 4, CODE_64 = 8 };

static inline enum code_size vcpu_code_size(struct vcpu *v)
{
    if (!(v->have & (PART_SEG_CS | PART_CS_ACCESS)))
        vcpu_need(v, PART_CS_ACCESS);
    u32 access = v->seg[SEG_CS].access;
    if ((access & ACCESS_L) && (vcpu_efer(v) & EFER_LMA))
        return CODE_64;
    return access & ACCESS_DB ? CODE_32 : CODE_16;
}

static inline bool vcpu_protected(struct vcpu *v)
{
    return v->cr0 & CR0_PE; /* of CR0_PAGING */
}

static inline bool vcpu_v86(struct vcpu *v)
{
    return vcpu_rflags(v) & RFLAGS_VM;
}

/* Fault to be delivered instead of the instruction at RIP. A second one on top of a first is the caller's (vmx/)
 * matter. */
static inline void vcpu_raise(struct vcpu *v, enum vector vector)
{
    v->event = (struct event){.valid = true, .vector = vector, .type = EVENT_HARDWARE_EXCEPTION};
}

static inline void vcpu_raise_code(struct vcpu *v, enum vector vector, u32 error_code)
{
    v->event = (struct event){
        .valid = true,
        .vector = vector,
        .type = EVENT_HARDWARE_EXCEPTION,
        .has_error_code = true,
        .error_code = error_code,
    };
}

/* #PF: `linear` becomes CR2 when the fault is delivered. */
static inline void vcpu_raise_page_fault(struct vcpu *v, u32 error_code, gva_t linear)
{
    vcpu_raise_code(v, VECTOR_PF, error_code);
    v->cr2 = linear.at;
}

#endif
