//go:build (linux && !android) || freebsd || netbsd || openbsd

package keyring

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/godbus/dbus/v5"
	secretservice "github.com/zalando/go-keyring/secret_service"
)

// Names of the Secret Service API (freedesktop.org, draft 0.2).
const (
	serviceName   = "org.freedesktop.secrets"
	servicePath   = dbus.ObjectPath("/org/freedesktop/secrets")
	getSecrets    = "org.freedesktop.Secret.Service.GetSecrets"
	itemInterface = "org.freedesktop.Secret.Item"
	getProperty   = "org.freedesktop.DBus.Properties.Get"
)

// GetAll implements Bulk: one search and one answer with all secrets, where Get
// takes seven messages an item.
func (s *system) GetAll(ctx context.Context) (map[string][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	result := make(chan map[string][]byte, 1)
	err := s.calls.do(ctx, func() error {
		values, err := readAll(s.service)
		if err != nil {
			return fmt.Errorf("%w: read all of the system's keyring: %w", ErrUnavailable, err)
		}
		result <- values
		return nil
	})
	if err != nil {
		return nil, err
	}
	return <-result, nil
}

// readAll reads the items that go-keyring wrote under a service's name. One that
// is locked, or not such an item, is left out.
func readAll(service string) (map[string][]byte, error) {
	bus, err := secretservice.NewSecretService()
	if err != nil {
		return nil, err
	}
	collection := bus.GetLoginCollection()
	if err := bus.Unlock(collection.Path()); err != nil {
		return nil, err
	}
	items, err := bus.SearchItems(collection, map[string]string{"service": service})
	if err != nil {
		return nil, err
	}
	session, err := bus.OpenSession()
	if err != nil {
		return nil, err
	}
	defer bus.Close(session)
	var secrets map[dbus.ObjectPath]secretservice.Secret
	if err := bus.Object(serviceName, servicePath).Call(getSecrets, 0, items, session.Path()).Store(&secrets); err != nil {
		return nil, err
	}
	values := make(map[string][]byte, len(items))
	for i, key := range keysOf(bus, items) {
		secret, unlocked := secrets[items[i]]
		if _, earlier := values[key]; key == "" || !unlocked || earlier {
			continue // of two by one name Get gives the first
		}
		if value, err := base64.StdEncoding.Strict().DecodeString(string(secret.Value)); err == nil {
			values[key] = value
		}
	}
	return values, nil
}

// asked is how many questions may wait for their answers: the bus refuses more
// than 128 of a program.
const asked = 64

// keysOf asks the items for the names that go-keyring gave them; "" where an item
// does not say.
func keysOf(bus *secretservice.SecretService, items []dbus.ObjectPath) []string {
	keys := make([]string, len(items))
	answers := make([]chan *dbus.Call, len(items))
	for i := range len(items) + asked {
		if i < len(items) {
			answers[i] = make(chan *dbus.Call, 1)
			bus.Object(serviceName, items[i]).Go(getProperty, 0, answers[i], itemInterface, "Attributes")
		}
		if i < asked {
			continue
		}
		var attributes map[string]string
		if err := (<-answers[i-asked]).Store(&attributes); err == nil {
			keys[i-asked] = attributes["username"]
		}
	}
	return keys
}
