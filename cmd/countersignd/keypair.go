package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// renewEvery is how often a handshake looks whether the certificate's files have
// changed.
const renewEvery = 10 * time.Second

// keyPair is the certificate of --tls-cert and --tls-key, read again when it has been
// renewed: programs such as certbot replace the files, and a server that had to be
// restarted for it would one day serve an expired one.
type keyPair struct {
	chain, key string // paths
	pin        []byte // as links have it; nil where devices check the chain
	now        func() time.Time
	logger     *slog.Logger

	mu     sync.Mutex
	served *tls.Certificate
	looked time.Time
	stamps [2]time.Time // modification times of what was read last, right or wrong
}

// load reads the files for the first time.
func (c *keyPair) load() error {
	stamps, err := c.modified()
	if err != nil {
		return fmt.Errorf("reading --tls-cert and --tls-key: %w", err)
	}
	read, err := tls.LoadX509KeyPair(c.chain, c.key)
	if err != nil {
		return fmt.Errorf("reading --tls-cert and --tls-key: %w", err)
	}
	c.served, c.stamps, c.looked, c.pin = &read, stamps, c.now(), ownPin(read, c.now())
	return nil
}

// get implements tls.Config.GetCertificate. What cannot be served leaves the old
// certificate where it is: an operator's mistake must not end every sign-in.
func (c *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= renewEvery {
		c.looked = now
		if err := c.renew(); err != nil {
			c.logger.Error("the renewed certificate is not served; the old one is", "error", err)
		}
	}
	return c.served, nil
}

func (c *keyPair) renew() error {
	stamps, err := c.modified()
	if err != nil || stamps == c.stamps {
		return err
	}
	read, err := tls.LoadX509KeyPair(c.chain, c.key)
	if err != nil {
		// Perhaps one file of the two has been replaced yet: the next look finds both.
		return err
	}
	c.stamps = stamps
	if pin := ownPin(read, c.now()); !bytes.Equal(pin, c.pin) {
		return errors.New("its key or its authority is another than the one that links and devices know; restart the server, and enrol the devices again")
	}
	c.served = &read
	c.logger.Info("serving the renewed certificate", "not_after", read.Leaf.NotAfter)
	return nil
}

func (c *keyPair) modified() (stamps [2]time.Time, err error) {
	for i, path := range []string{c.chain, c.key} {
		info, err := os.Stat(path)
		if err != nil {
			return stamps, err
		}
		stamps[i] = info.ModTime()
	}
	return stamps, nil
}
