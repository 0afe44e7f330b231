//go:build android && cgo

package androidkeystore

/*
#include <stdlib.h>
#include "keystore_android.h"
*/
import "C"

import (
	"fmt"
	"unsafe"

	"countersign/crypto/keyring"
)

// overhead is what sealing adds to a value: the IV of 12 bytes, the tag of 16.
const overhead = 12 + 16

// KeyStore implements keyring.Sealer with one key of the AndroidKeyStore.
type KeyStore struct {
	alias string
	run   func(func(env uintptr) error) error
}

// New returns the sealer of the key under that alias. run calls a function on
// a thread that is attached to the Java machine, with its JNIEnv; Fyne's
// driver.RunNative does.
func New(alias string, run func(func(env uintptr) error) error) *KeyStore {
	return &KeyStore{alias: alias, run: run}
}

// Seal implements keyring.Sealer.
func (k *KeyStore) Seal(key string, value []byte, create bool) ([]byte, error) {
	return k.call(key, value, len(value)+overhead, func(env C.uintptr_t, call *C.cs_call) C.int {
		if create {
			call.create = 1
		}
		return C.cs_seal(env, call)
	})
}

// Open implements keyring.Sealer.
func (k *KeyStore) Open(key string, sealed []byte) ([]byte, error) {
	return k.call(key, sealed, len(sealed), func(env C.uintptr_t, call *C.cs_call) C.int {
		return C.cs_open(env, call)
	})
}

// call lays out one call in C's memory, which must hold no pointer to Go's, and
// wipes it afterwards.
func (k *KeyStore) call(key string, in []byte, capacity int, do func(C.uintptr_t, *C.cs_call) C.int) ([]byte, error) {
	call := (*C.cs_call)(C.calloc(1, C.sizeof_cs_call))
	defer C.free(unsafe.Pointer(call))
	call.alias = C.CString(k.alias)
	defer C.free(unsafe.Pointer(call.alias))
	call.name, call.name_size = C.CBytes([]byte(key)), C.int(len(key))
	defer C.free(call.name)
	call.in, call.in_size = C.CBytes(in), C.int(len(in))
	defer wipe(call.in, len(in))
	call.out, call.out_capacity = C.calloc(1, C.size_t(capacity+1)), C.int(capacity)
	defer wipe(call.out, capacity)

	var out []byte
	err := k.run(func(env uintptr) error {
		switch do(C.uintptr_t(env), call) {
		case C.CS_OK:
			out = C.GoBytes(call.out, call.out_size)
			return nil
		case C.CS_NO_KEY:
			return fmt.Errorf("%w: the AndroidKeyStore does not hold the key that sealed the items", keyring.ErrDamaged)
		case C.CS_DAMAGED:
			return fmt.Errorf("item %q: %w", key, keyring.ErrDamaged)
		default:
			return fmt.Errorf("%w: AndroidKeyStore: %s", keyring.ErrUnavailable, C.GoString(&call.error[0]))
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// wipe clears C's copy of a secret before it goes back to the heap.
func wipe(p unsafe.Pointer, size int) {
	clear(unsafe.Slice((*byte)(p), size))
	C.free(p)
}
