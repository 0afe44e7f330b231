package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
)

const (
	demoUser   = "alex@contoso.example"
	demoDomain = "contoso.example"
	demoClient = "Contoso Demo"
)

// demo makes a user with a new password, a web client, and an enrolment link,
// and prints them with what to do next. It can be repeated on the same data.
func (s *server) demo(ctx context.Context) error {
	password := rand.Text()[:12]
	var user directory.User
	var clientKey string
	err := s.verifier.Store.Update(ctx, func(tx store.Tx) error {
		var err error
		if user, err = s.demoUser(tx, password); err != nil {
			return err
		}
		clientKey, err = s.demoClient(tx)
		return err
	})
	if err != nil {
		return err
	}
	link, _, err := s.verifier.Enrolments.Begin(ctx, enrol.Request{User: user.ID, Actor: "demo", TOTP: true})
	if errors.Is(err, directory.ErrTooManyDevices) {
		err = nil // five demos on the same data: sign in with one of those
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Countersign demo\n\n")
	fmt.Fprintf(s.out, "  Sign-in page     %s/\n", s.listen.url)
	fmt.Fprintf(s.out, "  User             %s\n", demoUser)
	fmt.Fprintf(s.out, "  Password         %s\n", password)
	if clientKey != "" {
		fmt.Fprintf(s.out, "  Web client key   %s\n", clientKey)
	}
	if link.Relay != "" {
		fmt.Fprintf(s.out, "  Enrolment link   %s\n", link)
	}
	fmt.Fprintf(s.out, "\nOpen the link in the app (within 10 minutes), sign in on the page, and type the page's number into the app.\n\n")
	return nil
}

func (s *server) demoUser(tx store.Tx, password string) (directory.User, error) {
	user, err := s.verifier.Directory.FindUser(tx, demoUser)
	if errors.Is(err, directory.ErrUnknownUser) {
		user, err = s.verifier.Directory.CreateUser(tx, directory.User{Name: demoUser, DisplayName: "Alex"})
	}
	if err != nil {
		return user, err
	}
	if err := s.verifier.Directory.SetPassword(tx, user.ID, password); err != nil {
		return user, err
	}
	for _, set := range []func(*tenant.Settings){
		func(t *tenant.Settings) {
			if t.Name == tenant.Default().Name {
				t.Name, t.Domain = "Contoso", demoDomain
			}
		},
		func(t *tenant.Settings) { t.PasswordEnrolment = true },
	} {
		err := s.verifier.Tenant.Update(tx, "demo", func(t *tenant.Settings) error { set(t); return nil })
		// What the configuration file fixes stands, in a demo, too.
		if err != nil && !errors.Is(err, tenant.ErrOverridden) {
			return user, err
		}
	}
	return user, nil
}

// demoClient gives the key of a new client; an existing one keeps its own.
func (s *server) demoClient(tx store.Tx) (string, error) {
	_, key, err := s.verifier.Directory.AddClient(tx, directory.NewClient{Name: demoClient, Kind: policy.KindWeb})
	if errors.Is(err, directory.ErrExists) {
		return "", nil
	}
	return key, err
}
