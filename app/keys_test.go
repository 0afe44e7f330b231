package app

import (
	"testing"
	"testing/synctest"

	"countersign/crypto/identity"
)

// Two organisations that compare what they know must not find their user in
// each other's lists: no key serves two accounts, and none two purposes.
func TestEveryAccountHasKeysOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, first, _ := enrolled(t, phone)
		second := newVerifier(t, d.relay)
		enrolWith(t, d, second)
		seen := map[identity.Thumbprint]bool{}
		for _, v := range []*fakeVerifier{first, second} {
			v.mu.Lock()
			for signing, enrol := range v.devices {
				for _, key := range []identity.Thumbprint{signing, enrol.Encryption.Thumbprint()} {
					if seen[key] {
						t.Errorf("key %s is known twice", key)
					}
					seen[key] = true
				}
			}
			v.mu.Unlock()
		}
		if len(seen) != 4 {
			t.Errorf("%d keys for two accounts", len(seen))
		}
	})
}
