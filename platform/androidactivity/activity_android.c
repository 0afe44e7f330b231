// Calls of the activity over JNI. Every call into Java may throw, and with an
// exception pending no other call is allowed: what throws counts as "there is
// none", and the system's log has the exception.

#include "activity_android.h"

#include <android/native_activity.h>
#include <jni.h>
#include <stdarg.h>
#include <string.h>

enum {
	FLAG_SECURE = 0x2000,              // WindowManager.LayoutParams
	LAUNCHED_FROM_HISTORY = 0x100000,  // Intent.FLAG_ACTIVITY_LAUNCHED_FROM_HISTORY
	LOCAL_REFS = 32,
};

// threw tells whether the last call failed, and clears that.
static int threw(JNIEnv *env) {
	if (!(*env)->ExceptionCheck(env)) {
		return 0;
	}
	(*env)->ExceptionDescribe(env);
	(*env)->ExceptionClear(env);
	return 1;
}

static jmethodID find(JNIEnv *env, jobject object, const char *method, const char *type) {
	jmethodID id = (*env)->GetMethodID(env, (*env)->GetObjectClass(env, object), method, type);
	return threw(env) ? NULL : id;
}

// get calls a method that gives an object, or NULL.
static jobject get(JNIEnv *env, jobject object, const char *method, const char *type, ...) {
	jmethodID id = object == NULL ? NULL : find(env, object, method, type);
	if (id == NULL) {
		return NULL;
	}
	va_list args;
	va_start(args, type);
	jobject result = (*env)->CallObjectMethodV(env, object, id, args);
	va_end(args);
	return threw(env) ? NULL : result;
}

// secure keeps the window out of screenshots, recordings and the list of recent
// apps.
static void secure(JNIEnv *env, jobject activity) {
	jobject window = get(env, activity, "getWindow", "()Landroid/view/Window;");
	jmethodID add = window == NULL ? NULL : find(env, window, "addFlags", "(I)V");
	if (add != NULL) {
		(*env)->CallVoidMethod(env, window, add, (jint)FLAG_SECURE);
		threw(env);
	}
}

// The toolkit's entry. Weak, because this package is linked alone for a trial
// before it is linked with the toolkit.
extern void ANativeActivity_onCreate(ANativeActivity *activity, void *state, size_t size) __attribute__((weak));

// countersign_onCreate is the entry that AndroidManifest.xml names.
__attribute__((visibility("default"))) void countersign_onCreate(ANativeActivity *activity, void *state, size_t size) {
	JNIEnv *env = activity->env;
	if ((*env)->PushLocalFrame(env, LOCAL_REFS) == 0) {
		secure(env, activity->clazz); // the activity, for all its name
		(*env)->PopLocalFrame(env, NULL);
	}
	ANativeActivity_onCreate(activity, state, size);
}

// link_of copies the data of an intent.
static char *link_of(JNIEnv *env, jobject intent) {
	jstring data = get(env, intent, "getDataString", "()Ljava/lang/String;");
	const char *chars = data == NULL ? NULL : (*env)->GetStringUTFChars(env, data, NULL);
	if (chars == NULL) {
		threw(env);
		return NULL;
	}
	char *copy = strdup(chars);
	(*env)->ReleaseStringUTFChars(env, data, chars);
	return copy;
}

// start_link leaves out an intent that the system repeats: a user who picks the
// app from the list of recent ones opens no link.
static char *start_link(JNIEnv *env, jobject activity) {
	jobject intent = get(env, activity, "getIntent", "()Landroid/content/Intent;");
	jmethodID get_flags = intent == NULL ? NULL : find(env, intent, "getFlags", "()I");
	if (get_flags == NULL) {
		return NULL;
	}
	jint flags = (*env)->CallIntMethod(env, intent, get_flags);
	return threw(env) || flags & LAUNCHED_FROM_HISTORY ? NULL : link_of(env, intent);
}

static char *task_link(JNIEnv *env, jobject activity) {
	jstring name = (*env)->NewStringUTF(env, "activity");
	if (threw(env)) {
		return NULL;
	}
	jobject manager = get(env, activity, "getSystemService", "(Ljava/lang/String;)Ljava/lang/Object;", name);
	jobject tasks = get(env, manager, "getAppTasks", "()Ljava/util/List;");
	jobject task = get(env, tasks, "get", "(I)Ljava/lang/Object;", (jint)0);
	jobject info = get(env, task, "getTaskInfo", "()Landroid/app/ActivityManager$RecentTaskInfo;");
	if (info == NULL) {
		return NULL;
	}
	jfieldID base = (*env)->GetFieldID(env, (*env)->GetObjectClass(env, info), "baseIntent", "Landroid/content/Intent;");
	return threw(env) ? NULL : link_of(env, (*env)->GetObjectField(env, info, base));
}

static char *within_frame(uintptr_t env, uintptr_t activity, char *(*work)(JNIEnv *, jobject)) {
	JNIEnv *jni = (JNIEnv *)env;
	if ((*jni)->PushLocalFrame(jni, LOCAL_REFS) != 0) {
		threw(jni);
		return NULL;
	}
	char *link = work(jni, (jobject)activity);
	(*jni)->PopLocalFrame(jni, NULL);
	return link;
}

char *cs_start_link(uintptr_t env, uintptr_t activity) { return within_frame(env, activity, start_link); }

char *cs_task_link(uintptr_t env, uintptr_t activity) { return within_frame(env, activity, task_link); }
