// The calls that androidkeystore makes of Java. See keystore_android.c.
#ifndef COUNTERSIGN_KEYSTORE_H
#define COUNTERSIGN_KEYSTORE_H

#include <stdint.h>

enum {
	CS_OK = 0,
	CS_NO_KEY = 1,  // there is no key under this alias, and none was to be made
	CS_DAMAGED = 2, // the bytes were not sealed under this key and this name
	CS_FAILED = 3,  // Java threw something else, or ran out of memory
};

// What goes in and out of one call.
typedef struct {
	const char *alias; // of the key in the AndroidKeyStore
	int create;        // make the key if there is none (sealing only)
	const void *name;  // authenticated along with the value
	int name_size;
	const void *in;
	int in_size;
	void *out;
	int out_capacity; // bytes that out can take
	int out_size;     // bytes that out has been given
	char error[256];  // what Java threw, for CS_FAILED
} cs_call;

// Both take a JNIEnv of the thread they are called on, and leave no exception
// pending and no local reference behind.
int cs_seal(uintptr_t env, cs_call *call);
int cs_open(uintptr_t env, cs_call *call);

#endif
