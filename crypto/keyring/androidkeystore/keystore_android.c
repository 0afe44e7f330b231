// AES-256-GCM with a key in the AndroidKeyStore, over JNI. Every call into Java
// may throw, and with an exception pending no other call is allowed: so each
// step is followed by a look, and the first failure ends the whole.

#include "keystore_android.h"

#include <jni.h>
#include <stdio.h>
#include <string.h>

enum {
	MODE_ENCRYPT = 1, // javax.crypto.Cipher.ENCRYPT_MODE
	MODE_DECRYPT = 2,
	PURPOSES = 1 | 2, // KeyProperties.PURPOSE_ENCRYPT | PURPOSE_DECRYPT
	KEY_BITS = 256,
	TAG_BITS = 128,
	IV_SIZE = 12, // what GCM of the AndroidKeyStore always makes
	LOCAL_REFS = 64,
};

typedef struct {
	JNIEnv *env;
	cs_call *call;
	int failed; // a call has thrown, or returned null where it must not
} session;

// describe keeps the exception's own words, then clears it.
static void describe(session *s) {
	JNIEnv *env = s->env;
	jthrowable thrown = (*env)->ExceptionOccurred(env);
	(*env)->ExceptionClear(env);
	snprintf(s->call->error, sizeof s->call->error, "a call into Java failed");
	if (thrown == NULL) {
		return;
	}
	jclass class = (*env)->GetObjectClass(env, thrown);
	jmethodID to_string = (*env)->GetMethodID(env, class, "toString", "()Ljava/lang/String;");
	jstring text = to_string == NULL ? NULL : (*env)->CallObjectMethod(env, thrown, to_string);
	if (!(*env)->ExceptionCheck(env) && text != NULL) {
		const char *chars = (*env)->GetStringUTFChars(env, text, NULL);
		if (chars != NULL) {
			snprintf(s->call->error, sizeof s->call->error, "%s", chars);
			(*env)->ReleaseStringUTFChars(env, text, chars);
		}
	}
	(*env)->ExceptionClear(env);
}

// failing tells whether to stop, after noting an exception that is pending.
static int failing(session *s) {
	if (!s->failed && (*s->env)->ExceptionCheck(s->env)) {
		s->failed = 1;
		describe(s);
	}
	return s->failed;
}

static jclass find_class(session *s, const char *name) {
	if (failing(s)) {
		return NULL;
	}
	jclass class = (*s->env)->FindClass(s->env, name);
	return failing(s) ? NULL : class;
}

static jmethodID find_method(session *s, jclass class, const char *name, const char *type) {
	if (failing(s)) {
		return NULL;
	}
	jmethodID method = (*s->env)->GetMethodID(s->env, class, name, type);
	return failing(s) ? NULL : method;
}

static jstring new_string(session *s, const char *text) {
	if (failing(s)) {
		return NULL;
	}
	jstring string = (*s->env)->NewStringUTF(s->env, text);
	return failing(s) ? NULL : string;
}

static jbyteArray new_bytes(session *s, const void *data, int size) {
	if (failing(s)) {
		return NULL;
	}
	jbyteArray array = (*s->env)->NewByteArray(s->env, size);
	if (failing(s)) {
		return NULL;
	}
	(*s->env)->SetByteArrayRegion(s->env, array, 0, size, data);
	return failing(s) ? NULL : array;
}

// new_names is a String[] of one.
static jobjectArray new_names(session *s, const char *name) {
	jstring string = new_string(s, name);
	jclass class = find_class(s, "java/lang/String");
	if (failing(s)) {
		return NULL;
	}
	jobjectArray array = (*s->env)->NewObjectArray(s->env, 1, class, string);
	return failing(s) ? NULL : array;
}

// get_instance calls a class's static getInstance(String), or with two names
// getInstance(String, String).
static jobject get_instance(session *s, jclass class, const char *type, const char *first, const char *second) {
	jstring a = new_string(s, first);
	jstring b = second == NULL ? NULL : new_string(s, second);
	if (failing(s)) {
		return NULL;
	}
	jmethodID method = (*s->env)->GetStaticMethodID(s->env, class, "getInstance", type);
	if (failing(s)) {
		return NULL;
	}
	jobject object = second == NULL ? (*s->env)->CallStaticObjectMethod(s->env, class, method, a)
	                                : (*s->env)->CallStaticObjectMethod(s->env, class, method, a, b);
	return failing(s) ? NULL : object;
}

// find_key returns the key of that alias, or null.
static jobject find_key(session *s) {
	jclass class = find_class(s, "java/security/KeyStore");
	jobject store = get_instance(s, class, "(Ljava/lang/String;)Ljava/security/KeyStore;", "AndroidKeyStore", NULL);
	jmethodID load = find_method(s, class, "load", "(Ljava/security/KeyStore$LoadStoreParameter;)V");
	if (failing(s)) {
		return NULL;
	}
	(*s->env)->CallVoidMethod(s->env, store, load, NULL);
	jmethodID get_key = find_method(s, class, "getKey", "(Ljava/lang/String;[C)Ljava/security/Key;");
	jstring alias = new_string(s, s->call->alias);
	if (failing(s)) {
		return NULL;
	}
	jobject key = (*s->env)->CallObjectMethod(s->env, store, get_key, alias, NULL);
	return failing(s) ? NULL : key;
}

// key_spec describes the key to be made: AES-256, for GCM alone.
static jobject key_spec(session *s) {
	const char *setter = "([Ljava/lang/String;)Landroid/security/keystore/KeyGenParameterSpec$Builder;";
	jclass class = find_class(s, "android/security/keystore/KeyGenParameterSpec$Builder");
	jmethodID create = find_method(s, class, "<init>", "(Ljava/lang/String;I)V");
	jmethodID modes = find_method(s, class, "setBlockModes", setter);
	jmethodID paddings = find_method(s, class, "setEncryptionPaddings", setter);
	jmethodID size = find_method(s, class, "setKeySize", "(I)Landroid/security/keystore/KeyGenParameterSpec$Builder;");
	jmethodID build = find_method(s, class, "build", "()Landroid/security/keystore/KeyGenParameterSpec;");
	jstring alias = new_string(s, s->call->alias);
	jobjectArray gcm = new_names(s, "GCM");
	jobjectArray none = new_names(s, "NoPadding");
	if (failing(s)) {
		return NULL;
	}
	jobject builder = (*s->env)->NewObject(s->env, class, create, alias, (jint)PURPOSES);
	if (failing(s)) {
		return NULL;
	}
	(*s->env)->CallObjectMethod(s->env, builder, modes, gcm);
	if (failing(s)) {
		return NULL;
	}
	(*s->env)->CallObjectMethod(s->env, builder, paddings, none);
	if (failing(s)) {
		return NULL;
	}
	(*s->env)->CallObjectMethod(s->env, builder, size, (jint)KEY_BITS);
	if (failing(s)) {
		return NULL;
	}
	jobject spec = (*s->env)->CallObjectMethod(s->env, builder, build);
	return failing(s) ? NULL : spec;
}

static jobject make_key(session *s) {
	jobject spec = key_spec(s);
	jclass class = find_class(s, "javax/crypto/KeyGenerator");
	jobject generator = get_instance(s, class, "(Ljava/lang/String;Ljava/lang/String;)Ljavax/crypto/KeyGenerator;", "AES", "AndroidKeyStore");
	jmethodID init = find_method(s, class, "init", "(Ljava/security/spec/AlgorithmParameterSpec;)V");
	jmethodID generate = find_method(s, class, "generateKey", "()Ljavax/crypto/SecretKey;");
	if (failing(s)) {
		return NULL;
	}
	(*s->env)->CallVoidMethod(s->env, generator, init, spec);
	if (failing(s)) {
		return NULL;
	}
	jobject key = (*s->env)->CallObjectMethod(s->env, generator, generate);
	return failing(s) ? NULL : key;
}

// give copies a Java array behind what out holds already.
static void give(session *s, jbyteArray array) {
	if (failing(s)) {
		return;
	}
	cs_call *call = s->call;
	jsize size = array == NULL ? 0 : (*s->env)->GetArrayLength(s->env, array);
	if (size > call->out_capacity - call->out_size) {
		s->failed = 1;
		snprintf(call->error, sizeof call->error, "%d bytes do not fit", (int)size);
		return;
	}
	if (size > 0) {
		(*s->env)->GetByteArrayRegion(s->env, array, 0, size, (jbyte *)call->out + call->out_size);
		call->out_size += size;
	}
	failing(s);
}

// finish authenticates the name and runs the data through the cipher.
static jbyteArray finish(session *s, jclass class, jobject cipher, const void *in, int size) {
	jmethodID update = find_method(s, class, "updateAAD", "([B)V");
	jmethodID final = find_method(s, class, "doFinal", "([B)[B");
	jbyteArray name = new_bytes(s, s->call->name, s->call->name_size);
	jbyteArray data = new_bytes(s, in, size);
	if (failing(s)) {
		return NULL;
	}
	(*s->env)->CallVoidMethod(s->env, cipher, update, name);
	if (failing(s)) {
		return NULL;
	}
	return (*s->env)->CallObjectMethod(s->env, cipher, final, data);
}

static jobject new_cipher(session *s, jclass *class) {
	*class = find_class(s, "javax/crypto/Cipher");
	return get_instance(s, *class, "(Ljava/lang/String;)Ljavax/crypto/Cipher;", "AES/GCM/NoPadding", NULL);
}

// seal gives the IV, which the AndroidKeyStore draws itself, then the box.
static int seal(session *s) {
	jobject key = find_key(s);
	if (!failing(s) && key == NULL) {
		if (!s->call->create) {
			return CS_NO_KEY;
		}
		key = make_key(s);
	}
	jclass class;
	jobject cipher = new_cipher(s, &class);
	jmethodID init = find_method(s, class, "init", "(ILjava/security/Key;)V");
	jmethodID get_iv = find_method(s, class, "getIV", "()[B");
	if (failing(s)) {
		return CS_FAILED;
	}
	(*s->env)->CallVoidMethod(s->env, cipher, init, (jint)MODE_ENCRYPT, key);
	if (failing(s)) {
		return CS_FAILED;
	}
	jbyteArray iv = (*s->env)->CallObjectMethod(s->env, cipher, get_iv);
	give(s, iv);
	if (!failing(s) && s->call->out_size != IV_SIZE) {
		s->failed = 1;
		snprintf(s->call->error, sizeof s->call->error, "an IV of %d bytes", s->call->out_size);
	}
	give(s, finish(s, class, cipher, s->call->in, s->call->in_size));
	return failing(s) ? CS_FAILED : CS_OK;
}

// thrown_is tells whether the exception that is pending is of that class, and
// leaves it pending.
static int thrown_is(session *s, const char *name) {
	JNIEnv *env = s->env;
	jthrowable thrown = (*env)->ExceptionOccurred(env);
	if (thrown == NULL) {
		return 0;
	}
	(*env)->ExceptionClear(env);
	jclass class = (*env)->FindClass(env, name);
	int is = class != NULL && (*env)->IsInstanceOf(env, thrown, class);
	(*env)->ExceptionClear(env);
	(*env)->Throw(env, thrown);
	return is;
}

static int open(session *s) {
	if (s->call->in_size < IV_SIZE + TAG_BITS / 8) {
		return CS_DAMAGED;
	}
	jobject key = find_key(s);
	if (!failing(s) && key == NULL) {
		return CS_NO_KEY;
	}
	jclass class;
	jobject cipher = new_cipher(s, &class);
	jmethodID init = find_method(s, class, "init", "(ILjava/security/Key;Ljava/security/spec/AlgorithmParameterSpec;)V");
	jclass spec_class = find_class(s, "javax/crypto/spec/GCMParameterSpec");
	jmethodID create = find_method(s, spec_class, "<init>", "(I[B)V");
	jbyteArray iv = new_bytes(s, s->call->in, IV_SIZE);
	if (failing(s)) {
		return CS_FAILED;
	}
	jobject spec = (*s->env)->NewObject(s->env, spec_class, create, (jint)TAG_BITS, iv);
	if (failing(s)) {
		return CS_FAILED;
	}
	(*s->env)->CallVoidMethod(s->env, cipher, init, (jint)MODE_DECRYPT, key, spec);
	if (failing(s)) {
		return CS_FAILED;
	}
	jbyteArray value = finish(s, class, cipher, (const char *)s->call->in + IV_SIZE, s->call->in_size - IV_SIZE);
	int damaged = !s->failed && thrown_is(s, "javax/crypto/AEADBadTagException");
	give(s, value);
	return damaged ? CS_DAMAGED : failing(s) ? CS_FAILED : CS_OK;
}

static int within_frame(uintptr_t env, cs_call *call, int (*work)(session *)) {
	session s = {.env = (JNIEnv *)env, .call = call, .failed = 0};
	call->out_size = 0;
	memset(call->error, 0, sizeof call->error);
	if ((*s.env)->PushLocalFrame(s.env, LOCAL_REFS) != 0) {
		describe(&s);
		return CS_FAILED;
	}
	int result = work(&s);
	(*s.env)->PopLocalFrame(s.env, NULL);
	return result;
}

int cs_seal(uintptr_t env, cs_call *call) { return within_frame(env, call, seal); }

int cs_open(uintptr_t env, cs_call *call) { return within_frame(env, call, open); }
