// Lets a test in Java call the C under test, as the system and the toolkit do.

#include "activity_android.h"

#include <android/native_activity.h>
#include <stdlib.h>

void countersign_onCreate(ANativeActivity *activity, void *state, size_t size);

// ANativeActivity_onCreate stands for the toolkit's: it tells that it was called.
void ANativeActivity_onCreate(ANativeActivity *activity, void *state, size_t size) {
	JNIEnv *env = activity->env;
	jclass class = (*env)->FindClass(env, "ActivityTest");
	jmethodID made = (*env)->GetStaticMethodID(env, class, "made", "(Z)V");
	(*env)->CallStaticVoidMethod(env, class, made, (jboolean)(state == (void *)env && size == 7));
}

JNIEXPORT void JNICALL Java_ActivityTest_create(JNIEnv *env, jclass class, jobject activity) {
	(void)class;
	ANativeActivity native = {.env = env, .clazz = activity};
	countersign_onCreate(&native, (void *)env, 7);
}

static jstring given(JNIEnv *env, char *link) {
	jstring text = link == NULL ? NULL : (*env)->NewStringUTF(env, link);
	free(link);
	return text;
}

JNIEXPORT jstring JNICALL Java_ActivityTest_startLink(JNIEnv *env, jclass class, jobject activity) {
	(void)class;
	return given(env, cs_start_link((uintptr_t)env, (uintptr_t)activity));
}

JNIEXPORT jstring JNICALL Java_ActivityTest_taskLink(JNIEnv *env, jclass class, jobject activity) {
	(void)class;
	return given(env, cs_task_link((uintptr_t)env, (uintptr_t)activity));
}
