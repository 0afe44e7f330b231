// The part of the NDK's header of this name that the C under test uses.
#pragma once

#include <jni.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ANativeActivity {
	struct ANativeActivityCallbacks *callbacks;
	JavaVM *vm;
	JNIEnv *env;
	jobject clazz;
} ANativeActivity;
