package radius

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"countersign/verifier/directory"
	"countersign/verifier/store"
)

// clientsFor is how long the list of clients is used before it is read again.
// A client that was added or removed on the command line counts after it; a
// flood of packets costs one reading a second, not one a packet.
const clientsFor = time.Second

// client is a RADIUS client and its open secret.
type client struct {
	directory.Client
	secret []byte
}

// clients knows who may ask, by address.
type clients struct {
	store     store.Store
	directory Directory
	now       func() time.Time
	logger    *slog.Logger

	mu     sync.Mutex
	read   time.Time
	byAddr map[netip.Addr]client
	warned map[string]bool // client ids
}

func newClients(cfg Config) *clients {
	return &clients{store: cfg.Store, directory: cfg.Directory, now: cfg.Now, logger: cfg.Logger, warned: map[string]bool{}}
}

// at gives the client of an address.
func (c *clients) at(ctx context.Context, address netip.Addr) (client, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); c.byAddr == nil || now.Sub(c.read) >= clientsFor || now.Before(c.read) {
		byAddr, err := c.load(ctx)
		if err != nil {
			return client{}, false, err
		}
		c.byAddr, c.read = byAddr, now
	}
	found, ok := c.byAddr[address.Unmap().WithZone("")]
	return found, ok, nil
}

func (c *clients) load(ctx context.Context) (map[netip.Addr]client, error) {
	byAddr := map[netip.Addr]client{}
	err := c.store.View(ctx, func(tx store.Tx) error {
		clear(byAddr)
		all, err := c.directory.ListClients(tx)
		if err != nil {
			return err
		}
		for _, one := range all {
			if one.RADIUS == nil {
				continue
			}
			secret, err := c.directory.RADIUSSecret(one)
			if err != nil {
				return err
			}
			byAddr[one.RADIUS.Address] = client{Client: one, secret: secret}
			c.warn(one)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("radius: reading the clients: %w", err)
	}
	return byAddr, nil
}

// warn says once a client what it is open to.
func (c *clients) warn(one directory.Client) {
	if one.RADIUS.RequireMessageAuthenticator || c.warned[one.ID] {
		return
	}
	c.warned[one.ID] = true
	c.logger.Warn("a RADIUS client need not send Message-Authenticator, so who can change its packets on the way can forge requests (CVE-2024-3596)",
		"client", one.Name)
}
