/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's planner says what goes where (boot/guest.h); here it is carried out. */
#include "boot/boot.h"
#include "boot/guest_linux.h"
#include "boot/guest_multiboot.h"
#include "lib/address_space.h"
#include "lib/panic.h"
#include "lib/print.h"
#include "lib/string.h"

static union {
    struct linux_plan linux_guest;
    struct multiboot_plan multiboot;
} plan;

static const u8 *image_of(const struct boot *boot)
{
    return direct(hpa(boot->info.module[0].start));
}

void boot_recognise_guest(struct boot *boot)
{
    if (!boot->info.module_count)
        fatal("no guest: add a line `module2 FILE ARGUMENTS` to the GRUB menu entry (a Linux bzImage or a Multiboot1 "
              "image; starting the disk's boot sector is not built yet)");
    const struct multiboot2_module *module = &boot->info.module[0];
    boot->guest_kind = guest_recognise(image_of(boot), module->end - module->start);
    if (boot->guest_kind == GUEST_UNKNOWN)
        fatal("the first module (%llu bytes): %s", (unsigned long long)(module->end - module->start),
              guest_status_text(GUEST_NOT_RECOGNISED));
}

static struct guest_request request_of(const struct boot *boot)
{
    return (struct guest_request){
        .image = image_of(boot),
        .info = &boot->info,
        .map = &boot->map,
        .rsdp_at = boot->rsdp,
    };
}

static _Noreturn void refuse(enum guest_status status)
{
    fatal("the guest cannot be loaded: %s", guest_status_text(status));
}

static const struct guest_plan *plan_linux(const struct guest_request *request)
{
    struct linux_plan *p = &plan.linux_guest;
    enum guest_status status = linux_plan(request, p);
    if (status != GUEST_OK)
        refuse(status);
    print("guest: Linux, boot protocol %u.%u, at %llx%s, initrd %llu KiB\n", p->protocol >> 8, p->protocol & 255,
          (unsigned long long)p->load_at, p->relocated ? " (relocated)" : "",
          (unsigned long long)p->initrd_length / KIB);
    linux_build(request, p, direct(hpa(p->plan.area.start)));
    return &p->plan;
}

static const struct guest_plan *plan_multiboot(const struct guest_request *request)
{
    struct multiboot_plan *p = &plan.multiboot;
    enum guest_status status = multiboot_plan(request, p);
    if (status == GUEST_MULTIBOOT_FEATURE)
        fatal("the guest cannot be loaded: %s (flags %x)", guest_status_text(status), p->unsupported);
    if (status != GUEST_OK)
        refuse(status);
    print("guest: Multiboot1 image, entry %llx, %u modules\n", (unsigned long long)p->plan.start.rip, p->module_count);
    multiboot_build(request, p, direct(hpa(p->plan.area.start)));
    return &p->plan;
}

void boot_load_guest(struct boot *boot)
{
    struct guest_request request = request_of(boot);
    const struct guest_plan *guest = boot->guest_kind == GUEST_LINUX ? plan_linux(&request) : plan_multiboot(&request);
    for (u32 i = 0; i < guest->step_count; i++) {
        const struct guest_step *step = &guest->step[i];
        memmove(direct(hpa(step->destination)), direct(hpa(step->source)), step->length);
        memset(direct(hpa(step->destination + step->length)), 0, step->zero_length);
    }
    boot->guest = guest->start;
}
