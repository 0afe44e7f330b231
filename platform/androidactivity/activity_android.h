// What androidactivity asks of Java. See activity_android.c.
#ifndef COUNTERSIGN_ACTIVITY_H
#define COUNTERSIGN_ACTIVITY_H

#include <stdint.h>

// cs_start_link is the link that the activity was started with, and
// cs_task_link the one that its task was sent last: strings to free, or NULL
// where there is none. They take a JNIEnv of the thread they are called on and
// the activity, and leave no exception pending and no local reference behind.
char *cs_start_link(uintptr_t env, uintptr_t activity);
char *cs_task_link(uintptr_t env, uintptr_t activity);

#endif
