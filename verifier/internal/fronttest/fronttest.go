// Package fronttest gives the tests of front ends a real service to stand on:
// verifiertest's, with the middleware that front ends share, users with
// passwords, and devices that answer what they were asked.
package fronttest

import (
	"context"
	"testing"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/directory"
	"countersign/verifier/middleware"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
	"countersign/verifier/verifiertest"
)

// Service is a verifier without its relay.
type Service struct {
	*verifiertest.Fixture
	Middleware *middleware.Middleware
	Issuer     identity.Thumbprint
}

// Password is every user's.
const Password = "correct horse battery"

// New makes a service in a folder of the test's.
func New(t testing.TB) *Service {
	t.Helper()
	f := verifiertest.New(t)
	return &Service{
		Fixture: f, Issuer: f.Keys.Thumbprint(),
		Middleware: middleware.New(middleware.Config{Now: f.Clock.Now, Logger: f.Logger, Metrics: f.Metrics}),
	}
}

// Check ends the test if there is an error.
func (s *Service) Check(err error) {
	s.T.Helper()
	if err != nil {
		s.T.Fatal(err)
	}
}

// Asked is the last challenge that a device was sent, if any.
func (s *Service) Asked(device identity.Thumbprint) (message.Challenge, bool) {
	return verifiertest.LastTo[message.Challenge](s.Post, device)
}

// Notices are the kinds of the notices that a device was sent.
func (s *Service) Notices(device identity.Thumbprint) []string {
	var kinds []string
	for _, m := range s.Post.To(device) {
		if n, ok := m.(message.Notice); ok {
			kinds = append(kinds, n.Kind)
		}
	}
	return kinds
}

// Settings changes the organisation's settings.
func (s *Service) Settings(f func(*tenant.Settings)) {
	s.T.Helper()
	s.Update(func(tx store.Tx) error {
		return s.Tenant.Update(tx, "test", func(set *tenant.Settings) error { f(set); return nil })
	})
}

func (s *Service) key() identity.PrivateKey {
	s.T.Helper()
	key, err := identity.Generate()
	s.Check(err)
	return key
}

// User adds a user whose password is Password.
func (s *Service) User(u directory.User) directory.User {
	s.T.Helper()
	hash, err := s.Directory.HashPassword(Password)
	s.Check(err)
	s.Update(func(tx store.Tx) (err error) {
		created, err := s.Directory.CreateUser(tx, u)
		if err != nil {
			return err
		}
		u.ID = created.ID
		return s.Directory.SetPasswordHash(tx, created.ID, hash)
	})
	return u
}

// Device enrols a device, without the enrolment: a phone of the current app.
func (s *Service) Device(user directory.User, change ...func(*directory.Device)) directory.Device {
	s.T.Helper()
	signing, encryption := s.key(), s.key()
	d := directory.Device{
		ID: signing.Thumbprint(), User: user.ID, Name: "Pixel", Signing: signing.Public(), Encryption: encryption.Public(),
		Platform: policy.Android, FormFactor: policy.Phone, AppVersion: "1.0.0", SeenAt: s.Clock.Now(),
	}
	for _, f := range change {
		f(&d)
	}
	s.Update(func(tx store.Tx) error { return s.Directory.AddDevice(tx, d) })
	return d
}

// TOTP registers a secret.
func (s *Service) TOTP(user directory.User, secret string) {
	s.T.Helper()
	s.Update(func(tx store.Tx) error { return s.Directory.RegisterTOTP(tx, user.ID, []byte(secret)) })
}

// Client adds a relying party and gives its key.
func (s *Service) Client(n directory.NewClient) (directory.Client, string) {
	s.T.Helper()
	var client directory.Client
	var key string
	s.Update(func(tx store.Tx) (err error) {
		client, key, err = s.Directory.AddClient(tx, n)
		return err
	})
	return client, key
}

// Answer answers the last challenge that a device was sent.
func (s *Service) Answer(d directory.Device, change func(*message.Answer)) {
	s.T.Helper()
	asked, ok := s.Asked(d.ID)
	if !ok {
		s.T.Fatal("the device was asked nothing")
	}
	answer := message.Answer{
		Claims:    message.NewClaims(d.ID, s.Issuer, s.Clock.Now(), message.Lifetime),
		Challenge: asked.ID, Decision: message.DecisionApprove, UserVerification: true,
		FormFactor: string(d.FormFactor), AppVersion: d.AppVersion,
	}
	change(&answer)
	s.Check(s.Challenges.Answer(context.Background(), d.ID, answer, "header.payload.signature"))
}

// Approve answers with a number.
func (s *Service) Approve(d directory.Device, number string) {
	s.T.Helper()
	s.Answer(d, func(a *message.Answer) { a.Number = number })
}
