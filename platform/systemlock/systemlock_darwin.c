//go:build darwin && !ios

// Hears the notification that the screen is locked. The handle goes with it as
// the observer, which Core Foundation only compares.

#include <CoreFoundation/CoreFoundation.h>
#include <stddef.h>
#include <stdint.h>

extern void csScreenLocked(uintptr_t handle);

static void heard(CFNotificationCenterRef center, void *observer, CFNotificationName name, const void *object, CFDictionaryRef info) {
	(void)center, (void)name, (void)object, (void)info;
	csScreenLocked((uintptr_t)observer);
}

void cs_watch(uintptr_t handle) {
	CFNotificationCenterAddObserver(CFNotificationCenterGetDistributedCenter(), (const void *)handle, heard,
		CFSTR("com.apple.screenIsLocked"), NULL, CFNotificationSuspensionBehaviorDeliverImmediately);
}

void cs_unwatch(uintptr_t handle) {
	CFNotificationCenterRemoveEveryObserver(CFNotificationCenterGetDistributedCenter(), (const void *)handle);
}
