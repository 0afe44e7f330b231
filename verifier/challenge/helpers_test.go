package challenge_test

import (
	"context"
	"testing"
	"time"

	"countersign/crypto/otp"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/verifiertest"
)

// totp is the code of a secret at a time: SHA1, 6 digits, 30 s.
func totp(t *testing.T, secret []byte, at time.Time) string {
	t.Helper()
	code, err := otp.Key{Type: otp.TOTP, Secret: otp.Secret(secret), Algorithm: otp.SHA1, Digits: 6, Period: 30}.Code(at)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func wrongCode(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

func signInByCode(t *testing.T, f *verifiertest.Fixture, user directory.User) {
	t.Helper()
	secret := []byte("12345678901234567890")
	f.Update(func(tx store.Tx) error { return f.Directory.RegisterTOTP(tx, user.ID, secret) })
	c := f.MustStart(user.Name, func(r *challenge.Request) { r.Method = policy.MethodTOTP })
	got, err := f.Challenges.Code(context.Background(), f.Web.ID, c.ID, totp(t, secret, f.Clock.Now()))
	if err != nil || got.State != challenge.Approved {
		t.Fatalf("%+v, %v", got, err)
	}
}
