// Lets a test in Java call the C under test.

#include "keystore_android.h"

#include <jni.h>
#include <stdlib.h>

JNIEXPORT jbyteArray JNICALL Java_KeyStoreTest_call(JNIEnv *env, jclass class, jboolean seal, jstring alias, jboolean create, jbyteArray name, jbyteArray in, jint capacity) {
	cs_call call = {0};
	call.alias = (*env)->GetStringUTFChars(env, alias, NULL);
	call.create = create;
	call.name_size = (*env)->GetArrayLength(env, name);
	call.in_size = (*env)->GetArrayLength(env, in);
	jbyte *name_bytes = (*env)->GetByteArrayElements(env, name, NULL);
	jbyte *in_bytes = (*env)->GetByteArrayElements(env, in, NULL);
	call.name = name_bytes;
	call.in = in_bytes;
	call.out_capacity = capacity;
	call.out = calloc(1, (size_t)capacity + 1);

	int status = seal ? cs_seal((uintptr_t)env, &call) : cs_open((uintptr_t)env, &call);

	jbyteArray out = (*env)->NewByteArray(env, call.out_size);
	(*env)->SetByteArrayRegion(env, out, 0, call.out_size, call.out);
	jfieldID status_field = (*env)->GetStaticFieldID(env, class, "status", "I");
	(*env)->SetStaticIntField(env, class, status_field, status);
	jfieldID error_field = (*env)->GetStaticFieldID(env, class, "error", "Ljava/lang/String;");
	(*env)->SetStaticObjectField(env, class, error_field, (*env)->NewStringUTF(env, call.error));

	(*env)->ReleaseByteArrayElements(env, name, name_bytes, JNI_ABORT);
	(*env)->ReleaseByteArrayElements(env, in, in_bytes, JNI_ABORT);
	(*env)->ReleaseStringUTFChars(env, alias, call.alias);
	free(call.out);
	return out;
}
