package verifier

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/store"
	"countersign/verifier/store/sqlite"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func testPost(t *testing.T, receive func(context.Context, identity.Thumbprint, string)) *post {
	t.Helper()
	var keys Keys
	var err error
	if keys.Signing, err = identity.Generate(); err != nil {
		t.Fatal(err)
	}
	keys.Encryption = keys.Signing
	p, err := newPost(Config{
		Relay: "wss://relay.example/relay", Now: func() time.Time { return epoch },
		Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	}, keys, receive)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What waited behind a relay that did not answer must not hold up what is fresh.
func TestAMessageThatExpiredInTheQueueIsNotSent(t *testing.T) {
	p := testPost(t, nil)
	for _, test := range []struct {
		name string
		made time.Time
		want string
	}{
		{"whose time is over", epoch.Add(-message.Lifetime), "expired"},
		{"that is fresh", epoch, "failed"}, // there is no relay
	} {
		m := message.Revoked{Claims: message.NewClaims(p.keys.Signing.Thumbprint(), p.keys.Signing.Thumbprint(), test.made, message.Lifetime)}
		if got := p.deliver(t.Context(), letter{p.keys.Encryption.Public(), m.Audience, m}); got != test.want {
			t.Errorf("a message %s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestAPanicRefusesOneMessageAndNoOther(t *testing.T) {
	var handled []string
	p := testPost(t, func(_ context.Context, _ identity.Thumbprint, body string) {
		if body == "bad" {
			panic("a bug")
		}
		handled = append(handled, body)
	})
	p.open(t.Context(), "", "bad")
	p.open(t.Context(), "", "good")
	if len(handled) != 1 || handled[0] != "good" {
		t.Errorf("handled %v", handled)
	}
}

// Many workers send, but one device's messages never overtake each other.
func TestADevicesMessagesKeepTheirOrder(t *testing.T) {
	p := testPost(t, nil)
	key := p.keys.Signing.Public()
	for range 20 {
		p.Post(key, key.Thumbprint(), message.Revoked{})
	}
	full := 0
	for _, queue := range p.queues {
		switch len(queue) {
		case 0:
		case 20:
			full++
		default:
			t.Errorf("%d of 20 messages are with one worker", len(queue))
		}
	}
	if full != 1 {
		t.Errorf("%d workers have the messages", full)
	}
}

func TestRemovedDevicesAreForgottenAfterAYear(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "countersign.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	now := epoch
	key, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(t.Context(), func(tx store.Tx) error {
		return revoked.Put(tx, "device", revocation{Encryption: key.Public(), At: epoch})
	})
	if err != nil {
		t.Fatal(err)
	}
	sweep := sweepRevoked(func() time.Time { return now })
	for _, step := range []struct {
		wait time.Duration
		here bool
	}{{keepRevoked, true}, {time.Hour, false}} {
		now = now.Add(step.wait)
		if err := sweep.Run(t.Context(), db, forgetSteps); err != nil {
			t.Fatal(err)
		}
		err := db.View(t.Context(), func(tx store.Tx) error {
			here, err := revoked.Has(tx, "device")
			if here != step.here {
				t.Errorf("after %s it is remembered: %v", now.Sub(epoch), here)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
