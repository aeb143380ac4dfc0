/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMX instructions (SDM "VMX Instruction Reference"). Each returns or checks CF and ZF: VMfailInvalid and
 * VMfailValid are told apart, and nothing goes on after a failure that nobody looked at.
 */
#ifndef VMX_INSN_H
#define VMX_INSN_H

#include "lib/types.h"
#include "lib/vmx_ops.h"
#include "vmx/host.h"

/* SDM "Conventions": how a VMX instruction ends. */
enum vmx_result { VMX_SUCCEED, VMX_FAIL_INVALID, VMX_FAIL_VALID };

/* A VMREAD, VMWRITE, INVEPT or INVVPID failed: Exeunt's own bug. Names operation, operand and VM-instruction error; no
 * return. */
_Noreturn void vmx_instruction_failed(const char *name, u64 operand, enum vmx_result result);

/* The same after VMREAD and VMWRITE, told apart from VMfailInvalid by what the VM-instruction error says. */
_Noreturn __attribute__((cold)) void vmread_failed(u32 field);
_Noreturn __attribute__((cold)) void vmwrite_failed(u32 field);

static inline enum vmx_result vmx_result(bool carry, bool zero)
{
    if (carry)
        return VMX_FAIL_INVALID;
    return zero ? VMX_FAIL_VALID : VMX_SUCCEED;
}

#define VMX_ADDRESS_INSN(name)                                                                                         \
    static inline enum vmx_result name(hpa_t region)                                                                   \
    {                                                                                                                  \
        bool carry, zero;                                                                                              \
        asm volatile(#name " %[region]" : "=@ccc"(carry), "=@ccz"(zero) : [region] "m"(region.at) : "memory");         \
        return vmx_result(carry, zero);                                                                                \
    }

VMX_ADDRESS_INSN(vmxon)
VMX_ADDRESS_INSN(vmclear)
VMX_ADDRESS_INSN(vmptrld)
#undef VMX_ADDRESS_INSN

/* Leaves VMX operation. In it already: it cannot fail. */
static inline void vmxoff(void)
{
    asm volatile("vmxoff" : : : "cc", "memory");
}

/*
 * CF and ZF are both looked at by one branch (JBE), whose target is the same for all: it finds the field in RCX
 * (vmx/entry.S), so a check costs the exit path one instruction, and the image six bytes.
 */
static inline __attribute__((always_inline)) u64 vmread(u32 field)
{
    u64 value;
    COUNT_VMX_OP(VMREAD);
    asm volatile("vmread %%rcx, %[value]\n\t"
                 "jbe vmread_failed_rcx"
                 : [value] "=r"(value)
                 : "c"((u64)field)
                 : "cc");
    return value;
}

/*
 * One of the fields of vmcs_check_fields(): it has been read with a check, and the VMCS stays current, so that it
 * cannot fail (SDM "VMREAD - Read Field from Virtual-Machine Control Structure").
 */
static inline __attribute__((always_inline)) u64 vmread_sure(u32 field)
{
    u64 value;
    COUNT_VMX_OP(VMREAD);
    asm volatile("vmread %[field], %[value]" : [value] "=r"(value) : [field] "r"((u64)field) : "cc");
    return value;
}

static inline __attribute__((always_inline)) void vmwrite(u32 field, u64 value)
{
    COUNT_VMX_OP(VMWRITE);
    asm volatile("vmwrite %[value], %%rcx\n\t"
                 "jbe vmwrite_failed_rcx"
                 :
                 : "c"((u64)field), [value] "r"(value)
                 : "cc", "memory");
}

/*
 * An exit that an NMI caused leaves NMIs blocked as their handler does, and only IRET ends that (SDM "Nonmaskable
 * Interrupt (NMI)", "VM Exits"): NMIs for root mode, kicks among them, would wait for the next entry.
 */
static inline void unblock_nmis(void)
{
    u64 scratch;
    asm volatile("movq %%rsp, %[scratch]\n\t"
                 "pushq %[ss]\n\t"
                 "pushq %[scratch]\n\t"
                 "pushfq\n\t"
                 "pushq %[cs]\n\t"
                 "leaq 1f(%%rip), %[scratch]\n\t"
                 "pushq %[scratch]\n\t"
                 "iretq\n"
                 "1:"
                 : [scratch] "=&r"(scratch)
                 : [ss] "i"(HOST_SS), [cs] "i"(HOST_CS)
                 : "memory", "cc");
}

enum invept_type { INVEPT_SINGLE_CONTEXT = 1, INVEPT_ALL_CONTEXT = 2 };

static inline void invept(enum invept_type type, u64 eptp)
{
    struct {
        u64 eptp, reserved;
    } descriptor = {eptp, 0};
    bool carry, zero;
    COUNT_VMX_OP(FLUSH);
    asm volatile("invept %[descriptor], %[type]"
                 : "=@ccc"(carry), "=@ccz"(zero)
                 : [descriptor] "m"(descriptor), [type] "r"((u64)type)
                 : "memory");
    if (carry | zero)
        vmx_instruction_failed("INVEPT", eptp, vmx_result(carry, zero));
}

enum invvpid_type { INVVPID_ADDRESS = 0, INVVPID_SINGLE_CONTEXT = 1, INVVPID_ALL_CONTEXT = 2 };

static inline void invvpid(enum invvpid_type type, u16 vpid, u64 linear)
{
    struct {
        u64 vpid, linear;
    } descriptor = {vpid, linear};
    bool carry, zero;
    COUNT_VMX_OP(FLUSH);
    asm volatile("invvpid %[descriptor], %[type]"
                 : "=@ccc"(carry), "=@ccz"(zero)
                 : [descriptor] "m"(descriptor), [type] "r"((u64)type)
                 : "memory");
    if (carry | zero)
        vmx_instruction_failed("INVVPID", vpid, vmx_result(carry, zero));
}

#endif
